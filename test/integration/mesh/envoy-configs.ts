/** The demo's own Envoy configurations, as its manifests say them and as injection patches them, moved to loopback. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { isObject, objectAt, stringAt } from '#kernel/json.ts';
import { injectTexts } from '../../../webhook/manifests/inject-texts.ts';
import { moveEnvoy } from '../../../webhook/dev/local-envoy.ts';
import { engineFor } from '../../fakes/engine.ts';

export interface ProxyPorts {
  /** Where the proxy listens. */
  readonly listen: number;
  /** Where it sends what it lets through. */
  readonly upstream: number;
  /** Where the helper listens; absent: the configuration stays as the manifest says it. */
  readonly helper?: number | undefined;
  /** Default: ext-authz. */
  readonly dataPath?: DataPath;
  /** Of the pod, besides those of the demo and the one for the data path. */
  readonly annotations?: Readonly<Record<string, string>>;
}

type DataPath = 'ext-authz' | 'native';
/** The helper's cluster, as the templates name it. */
const helperCluster = { 'ext-authz': 'ext-authz', native: 'auth-helper' } as const;

/** Which of the demo's workloads plays a side, and the cluster by which its Envoy sends requests on. */
const roles = {
  inject: { workload: 'frontend', onward: 'backend' },
  validate: { workload: 'backend', onward: 'app' },
} as const;

const demo = join(import.meta.dirname, '../../../manifests/demo');
const file = 'envoy.yaml';

/** The configuration of one side, patched where the ports name a helper. */
export function proxyConfig(side: keyof typeof roles, ports: ProxyPorts): string {
  const { workload, onward } = roles[side];
  const text = readFileSync(join(demo, `${workload}.yaml`), 'utf8');
  const { helper: helperPort, dataPath = 'ext-authz' } = ports;
  const annotations = { ...ports.annotations, 'svidecar.dev/data-path': dataPath };
  const config =
    helperPort === undefined
      ? asWritten(text)
      : asInjected(workload, withAnnotations(text, annotations));
  const helper = helperPort === undefined ? {} : { [helperCluster[dataPath]]: helperPort };
  const clusters = { [onward]: ports.upstream, ...helper };
  return moveEnvoy(config, { listener: ports.listen, clusters });
}

/** The demo's pods, each with some annotations more. */
function withAnnotations(text: string, annotations: Readonly<Record<string, string>>): string {
  const lines = Object.entries(annotations).map(([key, value]) => `$1${key}: ${value}`);
  const templates = /^( +)inject\.svidecar\.dev\/templates: .*$/m;
  return text.replace(templates, ['$&', ...lines].join('\n'));
}

function asWritten(text: string): string {
  for (const document of parseAllDocuments(text)) {
    const object: unknown = document.toJS();
    const data = isObject(object) && object['kind'] === 'ConfigMap' ? objectAt(object, 'data') : {};
    const config = stringAt(data, file);
    if (config !== undefined) return config;
  }
  throw new TypeError(`the demo has no ConfigMap with ${file}`);
}

function asInjected(name: string, text: string): string {
  const options = { engine: engineFor(), namespace: 'demo' };
  const { configMaps } = injectTexts([{ name, text }], options);
  const config = configMaps.map(({ data }) => data[file]).find((data) => data !== undefined);
  if (config === undefined) throw new TypeError(`injection made no ${file} for ${name}`);
  return config;
}
