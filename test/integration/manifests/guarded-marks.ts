/** What may be written to a pod of Istio's that runs, and what would take its EnvoyFilter off it. */
import type { JsonObject } from '#kernel/json.ts';
import type { ApiServer } from '../harness/api-server.ts';
import type { CommandResult } from '../harness/processes.ts';
import { app } from './guarded-cluster.ts';

const filter = 'svidecar.dev/envoy-filter';
const another = `istio-svidecar-${'f'.repeat(32)}`;

/** Of a pod's metadata: the mark that it changes, and the change. */
export const marksTaken: readonly (readonly [string, JsonObject])[] = [
  [filter, { labels: { [filter]: null } }],
  [filter, { labels: { [filter]: another } }],
  [filter, { labels: { [filter]: null }, annotations: { 'svidecar.dev/inject': 'false' } }],
  ['svidecar.dev/injected', { labels: { 'svidecar.dev/injected': null } }],
  ['svidecar.dev/status', { annotations: { 'svidecar.dev/status': null } }],
];

/** Changes of a pod, and through which subresource ('': none), that are nobody's business but the writer's. */
export const marksLeft: readonly (readonly [string, JsonObject, string])[] = [
  ['another label', { metadata: { labels: { app: 'quarantined' } } }, ''],
  [
    'another annotation',
    { metadata: { annotations: { 'inject.svidecar.dev/templates': '' } } },
    '',
  ],
  ['its image', { spec: { containers: [{ ...app, image: 'app:2' }] } }, ''],
  ['a finalizer', { metadata: { finalizers: ['example.org/kept'] } }, ''],
  ['its status, as the kubelet does', { status: { phase: 'Running' } }, 'status'],
];

interface MarksPatch {
  readonly space: string;
  readonly pod: string;
  readonly patch: JsonObject;
  readonly subresource?: string;
}

/** What the API server says to it; nothing is stored. */
export function tryToPatch(
  api: ApiServer,
  { space, pod, patch, subresource = '' }: MarksPatch,
): Promise<CommandResult> {
  const through = subresource === '' ? [] : [`--subresource=${subresource}`];
  const dryly = ['-n', space, '--dry-run=server', '-p', JSON.stringify(patch)];
  return api.kubectl(['patch', 'pod', pod, ...dryly, ...through]);
}
