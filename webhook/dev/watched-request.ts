/** Sends a scene's request, and reads before and after it what each place of the way has counted. */
import { request as httpRequest } from 'node:http';
import { text as textOf } from 'node:stream/consumers';
import { exchange } from './http-exchange.ts';
import type { LocalDataPath, WatchedPod } from './local-data-path.ts';
import { sceneCommand, sceneUrl, type Scene } from './scenes.ts';
import { placesOf, type PodCounts, type SeenCounts } from './way-of.ts';
import type { DataPathName, RequestWay } from './way-model.ts';

export interface WatchedPath {
  readonly dataPath: DataPathName;
  readonly path: LocalDataPath;
}

/** One at a time, by the caller's care: counts of two requests at once would mix. */
export async function sendWatched(
  scene: Scene,
  { dataPath, path }: WatchedPath,
): Promise<RequestWay> {
  const before = await countsOf(path);
  const beganMs = performance.now();
  const { status, body } = await exchange(sceneUrl(scene, path), scene.headers);
  const tookMs = Math.round(performance.now() - beganMs);
  const after = await countsOf(path);
  const places = placesOf({
    before,
    after,
    status,
    body,
    isThroughCaller: scene.isThroughCaller,
    hasCredential: scene.headers !== undefined,
    asksHelper: dataPath === 'ext-authz',
    caller: path.caller.name,
    callee: path.callee.name,
  });
  const command = sceneCommand(scene, path);
  const { why } = scene;
  return { dataPath, scene: scene.scene, command, status, body, tookMs, places, why };
}

async function countsOf({ caller, callee, app }: LocalDataPath): Promise<SeenCounts> {
  return { caller: await podCounts(caller), callee: await podCounts(callee), app: app() };
}

async function podCounts({ health, admin }: WatchedPod): Promise<PodCounts> {
  const { body } = await exchange(`${health}/metrics`);
  const outcomes = new Map<string, number>();
  for (const [, outcome = '', count] of body.matchAll(
    /^svidecar_checks_total\{[^}]*outcome="(\w+)"[^}]*\} (\d+)/gm,
  ))
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + Number(count));
  return { outcomes, requests: admin === undefined ? undefined : await requestsOf(admin) };
}

/** Of all listeners of an Envoy. @param socket of its admin page */
function requestsOf(socket: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const path = '/stats?filter=downstream_rq_total';
    const sent = httpRequest({ socketPath: socket, path, agent: false }, (response) => {
      textOf(response).then((body) => {
        const counts = [...body.matchAll(/^http\.(?!admin\.).*downstream_rq_total: (\d+)$/gm)];
        resolve(counts.reduce((sum, [, count]) => sum + Number(count), 0));
      }, reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}
