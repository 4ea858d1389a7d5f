/** Which certificate each of Istio's proxies has, asked of Envoy's admin page: it listens on the pod's own loopback only. */
import { messageOf } from '#kernel/errors.ts';
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import {
  subjectsOf,
  type ClusterFacts,
  type FactAnswer,
  type ProxySecrets,
} from '../checks/facts.ts';
import { hasProxy } from '../checks/proxy-certificates.ts';
import { readProxySecrets, secretsPath } from '../checks/proxy-secrets.ts';
import { ApiRefusal } from '../kube/kubernetes-api.ts';
import { readPodPage } from '../kube/pod-page.ts';
import { askPods, type PodName } from './ask-pods.ts';
import type { Site } from './site.ts';

/** Of Envoy in Istio's container. */
const adminPort = 15_000;
/** Milliseconds; Envoy answers at once. */
const proxyMs = 5_000;
/** A page has some 2 kB for a certificate, and as much for each trust domain. */
const maxPageBytes = 1_048_576;
const refusals: readonly number[] = [401, 403];

/** By `namespace/pod`. */
export async function readProxies(site: Site): Promise<ClusterFacts['proxies']> {
  if (!site.asksProxies) return new Map();
  const pods = subjectsOf(site.objects.pods).filter(({ object }) => hasProxy(object));
  return askPods(pods, (pod, named) => askProxy(pod, named, site));
}

async function askProxy(
  pod: JsonObject,
  { namespace, name }: PodName,
  { api, signal }: Site,
): Promise<FactAnswer<ProxySecrets>> {
  if (stringAt(objectAt(pod, 'status'), 'phase') !== 'Running')
    return { kind: 'unknown', reason: 'the pod does not run yet' };
  const page = { namespace, pod: name, port: adminPort, path: secretsPath };
  const limit = AbortSignal.any([signal, AbortSignal.timeout(proxyMs)]);
  try {
    const told = await readPodPage(api, page, { maxBytes: maxPageBytes, signal: limit });
    const value = readProxySecrets(told);
    if (value !== undefined) return { kind: 'known', value };
    return { kind: 'unknown', reason: `port ${adminPort} answers with something else` };
  } catch (thrown) {
    if (thrown instanceof ApiRefusal && refusals.includes(thrown.status))
      return {
        kind: 'not_asked',
        reason: 'not allowed to ask: it takes the verbs "get" and "create" on pods/portforward',
      };
    const why = limit.aborted ? `no answer within ${proxyMs / 1_000} s` : messageOf(thrown);
    return { kind: 'unknown', reason: `cannot be asked: ${why}` };
  }
}
