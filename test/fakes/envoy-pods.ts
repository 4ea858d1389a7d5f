/** Pods with an Envoy whose configuration is given in many ways; for tests. */
import type { JsonObject } from '#kernel/json.ts';
import {
  locateEnvoy as locateIn,
  type EnvoyHints,
  type EnvoyLocation,
} from '../../webhook/injection/envoy-location.ts';

export const none = { container: undefined, config: undefined };
export const mount = { name: 'config', mountPath: '/etc/envoy' };
export const volume = { name: 'config', configMap: { name: 'source' } };
export const reading = ['-c', '/etc/envoy/envoy.yaml'];

/** ConfigMaps that are there, and their keys. */
const keys: Readonly<Record<string, readonly string[]>> = {
  source: ['envoy.yaml', 'a.yaml'],
  flags: ['flags.txt'],
  second: ['envoy.yaml'],
};

export function locateEnvoy(spec: JsonObject, hints: EnvoyHints = none): EnvoyLocation {
  return locateIn(spec, hints, { keysOf: (name) => keys[name], claims: ['claimed'] });
}

export function specOf(container: JsonObject, more: JsonObject = {}): JsonObject {
  return {
    containers: [
      { name: 'app', image: 'a' },
      { name: 'proxy', args: reading, volumeMounts: [mount], ...container },
    ],
    volumes: [volume],
    ...more,
  };
}

export function envoy(
  container: JsonObject,
  volumes: readonly JsonObject[] = [volume],
): JsonObject {
  return specOf({ name: 'envoy', ...container }, { volumes });
}

export const at = (path: string, subPath?: string): JsonObject => ({
  name: 'config',
  mountPath: path,
  ...(subPath === undefined ? {} : { subPath }),
});
export const script = (text: string, more: JsonObject = {}): JsonObject =>
  envoy({ command: ['sh', '-c', text], args: [], ...more });
export const env = (...pairs: readonly (readonly [string, string])[]): JsonObject => ({
  env: pairs.map(([name, value]) => ({ name, value })),
});
export const projected = (...sources: readonly JsonObject[]): readonly JsonObject[] => [
  { name: 'config', projected: { sources: [...sources] } },
];
export const from = (name: string, more: JsonObject = {}): JsonObject => ({
  configMap: { name, ...more },
});
export const items = (...pairs: readonly (readonly [string, string])[]): JsonObject => ({
  items: pairs.map(([key, path]) => ({ key, path })),
});

export const vol = (more: JsonObject): readonly JsonObject[] => [{ name: 'config', ...more }];
