/** The shop's workload with the label of a revision, who injected it, and who was asked. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { statusOf } from '../../../webhook/injection/status.ts';
import { runSvidecar } from '../../fakes/fake-terminal.ts';
import { shopParts } from './shop-fixture.ts';

const label = 'svidecar.dev/revision';
export const shop = shopParts();

/** @param names what the pod template names */
export function pod(names?: string): JsonObject {
  const metadata = objectAt(shop.pod, 'metadata');
  const labels = {
    ...objectAt(metadata, 'labels'),
    ...(names === undefined ? {} : { [label]: names }),
  };
  return { ...shop.pod, metadata: { ...metadata, labels } };
}

export function deployment(name: string, names?: string): JsonObject {
  const template = { metadata: pod(names)['metadata'] ?? {}, spec: shop.pod['spec'] ?? {} };
  const spec = { replicas: 1, selector: { matchLabels: { app: 'frontend' } }, template };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec };
}

/** Who injected a stored object; undefined where nobody did. */
export function injector(object: JsonObject): string | undefined {
  const spec = objectAt(object, 'spec');
  const status = statusOf(object['kind'] === 'Pod' ? object : objectAt(spec, 'template'));
  return status === undefined ? undefined : (status.revision ?? 'unnamed');
}

export function specOf(object: JsonObject | undefined): unknown {
  return objectAt(objectAt(objectAt(object, 'spec'), 'template'), 'spec');
}

/** Of a Deployment. */
export function statusTextOf(object: JsonObject | undefined): string | undefined {
  const template = objectAt(objectAt(object, 'spec'), 'template');
  return stringAt(objectAt(objectAt(template, 'metadata'), 'annotations'), 'svidecar.dev/status');
}

/** What `svidecar inject` makes of objects that are in a file. */
export async function injectedFromFiles(
  items: readonly JsonObject[],
  flags: readonly string[],
): Promise<readonly JsonObject[]> {
  const stdin = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  const { out } = await runSvidecar(['inject', '-o', 'json', ...flags], { stdin });
  const whole: unknown = JSON.parse(out);
  return listAt(isObject(whole) ? whole : {}, 'items').filter(isObject);
}

/** Each hook that was called for an object of that name, by an API server's audit log, as `<configuration> <hook>`. */
export function calledHooks(auditLog: string, name: string): readonly string[] {
  const lines = auditLog.trimEnd().split('\n');
  const events = lines.filter((line) => line.includes(`"name":"${name}"`));
  const texts = events.flatMap((line) => [
    ...line.matchAll(
      /"mutation\.webhook\.admission\.k8s\.io\/round_0_index_\d+":("(?:[^"\\]|\\.)*")/g,
    ),
  ]);
  return [
    ...new Set(
      texts.map(([, text = '']) => {
        const said: unknown = JSON.parse(JSON.parse(text) as string);
        const call = isObject(said) ? said : {};
        return `${stringAt(call, 'configuration') ?? ''} ${stringAt(call, 'webhook') ?? ''}`;
      }),
    ),
  ];
}
