/** What `svidecar dev` runs: the webhook, and the workloads that it injected as processes, on both data paths. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { LocalDataPath } from '../dev/local-data-path.ts';
import type { WatchedPath } from '../dev/watched-request.ts';
import {
  configMapsIn,
  decideAll,
  type DecideOptions,
  type DecidedWorkload,
} from '../manifests/decide-all.ts';
import { injectTexts, type InjectedTexts } from '../manifests/inject-texts.ts';
import type { InputProblem } from '../manifests/input-problem.ts';
import { faultsIn, readManifest, type SourceText } from '../manifests/manifest.ts';
import { nativeEngine, startDevDataPath } from './dev-data-path.ts';
import { startDevWebhook, type DevWebhook, type ReviewResponse } from './dev-webhook.ts';
import type { CliContext } from './terminal.ts';

/** One workload, and what the webhook answered. */
export interface Reviewed {
  readonly outcome: DecidedWorkload;
  readonly answer: ReviewResponse;
}

/** Envoy's binary, or why a stand-in plays its part. */
export type FoundEnvoy =
  | { readonly kind: 'real'; readonly path: string; readonly title: string }
  | { readonly kind: 'stand_in'; readonly why: string };

export interface DevRun {
  readonly webhook: DevWebhook;
  readonly envoy: FoundEnvoy;
  readonly reviews: readonly Reviewed[];
  readonly injection: InjectedTexts;
  readonly nativeInjection: InjectedTexts;
  /** None where the manifests hold no pair of a caller and a callee; `native` only with a real Envoy. */
  readonly paths: readonly WatchedPath[];
  /** What of the input could not be read. */
  readonly faults: readonly InputProblem[];
  stop(): Promise<void>;
}

interface DevInput {
  readonly sources: readonly SourceText[];
  readonly options: DecideOptions;
  /** Never fetches or runs an Envoy. */
  readonly isStandIn: boolean;
}

/** Milliseconds for Envoy's download of some 40 MB. */
const fetchMs = 90_000;
const versionMs = 5_000;

/** Stops what it has started when something does not start. */
export async function startDevRun(input: DevInput, context: CliContext): Promise<DevRun> {
  const { sources, options } = input;
  const { terminal } = context;
  const documents = sources.flatMap(readManifest);
  const webhook = await startDevWebhook(
    options,
    configMapsIn(documents, options.namespace),
    terminal,
  );
  const stops: (() => Promise<void>)[] = [() => webhook.stop()];
  const stop = async (): Promise<void> => {
    await Promise.all(stops.map((each) => each()));
  };
  try {
    const reviews: Reviewed[] = [];
    for (const outcome of decideAll(documents, options))
      reviews.push({ outcome, answer: await webhook.review(outcome.object.value) });
    const envoy = await findEnvoy(input.isStandIn, context);
    const engine = nativeEngine(options.engine);
    const injection = injectTexts(sources, options);
    const nativeInjection = injectTexts(sources, { ...options, engine });
    terminal.tellProgress?.('starting Envoys and helpers');
    const paths = await startPaths({ injection, nativeInjection, options }, envoy, context);
    stops.push(
      ...paths.map(
        ({ path }) =>
          () =>
            path.stop(),
      ),
    );
    const faults = faultsIn(documents);
    return { webhook, envoy, reviews, injection, nativeInjection, paths, faults, stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

async function startPaths(
  {
    injection,
    nativeInjection,
    options: { engine },
  }: Pick<DevRun, 'injection' | 'nativeInjection'> & Pick<DevInput, 'options'>,
  envoy: FoundEnvoy,
  { installation }: CliContext,
): Promise<readonly WatchedPath[]> {
  const at = { installation, envoy: envoy.kind === 'real' ? envoy.path : undefined };
  const path = await startDevDataPath(injection, engine, at);
  if (path === undefined) return [];
  const extAuthz: WatchedPath = { dataPath: 'ext-authz', path };
  if (envoy.kind !== 'real') return [extAuthz];
  try {
    const native = await startDevDataPath(nativeInjection, nativeEngine(engine), at);
    return native === undefined ? [extAuthz] : [extAuthz, { dataPath: 'native', path: native }];
  } catch (thrown) {
    await path.stop();
    throw thrown;
  }
}

/** What the machine has; where nothing, what the repository's script fetches. */
async function findEnvoy(
  isStandIn: boolean,
  { installation, terminal }: CliContext,
): Promise<FoundEnvoy> {
  if (isStandIn) return { kind: 'stand_in', why: '--stand-in was given' };
  if (installation.envoy !== undefined) return realEnvoy(installation.envoy);
  const { components } = installation;
  if (components === undefined) return { kind: 'stand_in', why: 'no envoy is on PATH' };
  const { fetchEnvoy } = await import('../dev/fetch-envoy.ts');
  terminal.tellProgress?.('fetching Envoy (once, some 40 MB)');
  const fault = await fetchEnvoy({
    script: components.script,
    boundMs: fetchMs,
    onSecond: (seconds) =>
      terminal.tellProgress?.(`fetching Envoy (once, some 40 MB): ${seconds} s`),
  });
  const fetched = components.findEnvoy();
  if (fault === undefined && fetched !== undefined) return realEnvoy(fetched);
  return { kind: 'stand_in', why: `Envoy cannot be fetched: ${fault ?? 'it is not there'}` };
}

async function realEnvoy(path: string): Promise<FoundEnvoy> {
  try {
    const { stdout } = await promisify(execFile)(path, ['--version'], { timeout: versionMs });
    const version = /\/(\d+\.\d+\.\d+)\//.exec(stdout)?.[1];
    return { kind: 'real', path, title: `Envoy${version === undefined ? '' : ` ${version}`}` };
  } catch {
    // Of another machine, say; what is wrong with it is Envoy's own business.
    return { kind: 'stand_in', why: `${path} does not run here` };
  }
}

/** The data path that asks the helper, where one runs. */
export function askingPath({ paths }: Pick<DevRun, 'paths'>): LocalDataPath | undefined {
  return paths.find(({ dataPath }) => dataPath === 'ext-authz')?.path;
}
