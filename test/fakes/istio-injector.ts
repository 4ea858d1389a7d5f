/** What Istio's injector does to a pod, as far as it matters to ours; after `injection-template.yaml` and `webhook.go` of 1.31. */
import { isArray, isObject, stringAt, type Json, type JsonObject } from '#kernel/json.ts';

interface Injected extends Record<string, Json | undefined> {
  metadata: JsonObject;
  spec: Record<string, Json | undefined>;
}

const excludes = 'traffic.sidecar.istio.io/excludeInboundPorts';
const includes = 'traffic.sidecar.istio.io/includeInboundPorts';

/** @param list where the proxy goes: a native sidecar, or a container beside the app's */
export function withIstioProxy(pod: JsonObject, list: 'containers' | 'initContainers'): JsonObject {
  const copy = structuredClone(pod) as Injected;
  const annotations = isObject(copy.metadata['annotations']) ? copy.metadata['annotations'] : {};
  const excluded = annotations[excludes];
  const included = annotations[includes];
  const ports = ['15090,15021,15020', ...(typeof excluded === 'string' ? [excluded] : [])];
  const init = {
    name: 'istio-init',
    image: 'istio/proxyv2',
    args: [
      'istio-iptables',
      '-b',
      typeof included === 'string' ? included : '*',
      '-d',
      ports.join(','),
    ],
  };
  const proxy = {
    name: 'istio-proxy',
    image: 'istio/proxyv2',
    args: ['proxy', 'sidecar'],
    ...(list === 'initContainers' ? { restartPolicy: 'Always' } : {}),
  };
  const inits = itemsOf(copy.spec['initContainers']).map(withRewrittenProbes);
  const apps = itemsOf(copy.spec['containers']).map(withRewrittenProbes);
  const isNative = list === 'initContainers';
  copy.spec['initContainers'] = isNative ? [init, proxy, ...inits] : [...inits, init];
  copy.spec['containers'] = isNative ? apps : [...apps, proxy];
  return copy;
}

function itemsOf(value: Json | undefined): JsonObject[] {
  return isArray(value) ? value.filter(isObject) : [];
}

/** The kubelet is to ask Istio's container, which asks the one that is meant. */
function withRewrittenProbes(container: JsonObject): JsonObject {
  const changed = ['startupProbe', 'readinessProbe', 'livenessProbe'].flatMap((probe) => {
    const have = container[probe];
    if (!isObject(have) || !isObject(have['httpGet'])) return [];
    const path = `/app-health/${stringAt(container, 'name') ?? ''}/${probe}`;
    return [[probe, { ...have, httpGet: { ...have['httpGet'], path, port: 15_020 } }] as const];
  });
  return { ...container, ...Object.fromEntries(changed) };
}
