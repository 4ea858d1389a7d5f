/** The certificates behind each hook: as served where they can be seen, else as stored. */
import { messageOf } from '#kernel/errors.ts';
import { isObject, listAt, objectAt, stringAt } from '#kernel/json.ts';
import {
  nameOf,
  subjectsOf,
  type FactAnswer,
  type ClusterFacts,
  type ServedCertificates,
} from '../checks/facts.ts';
import {
  hooksOf,
  isSeenFrom,
  type HookTarget,
  type InspectedHook,
} from '../checks/inspected-hooks.ts';
import { endpointsOf, webhookDeployments, type Endpoint } from '../checks/serving.ts';
import { ApiRefusal } from '../kube/kubernetes-api.ts';
import { pathOf, readOne, reasonOf } from '../kube/read-list.ts';
import { readServedChain } from '../kube/served-chain.ts';
import { nameFor } from '../request/revision.ts';
import type { Site } from './site.ts';

const secrets = { apiVersion: 'v1', resource: 'secrets', verb: 'get' } as const;
const pemBlock = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;
/** Where svidecar keeps the certificate that it issues itself; one from elsewhere is mounted. */
const usualSecret = 'svidecar-tls';
/** Replicas that are asked; they should all serve the same. */
const askedReplicas = 3;

export async function readServedChains(site: Site): Promise<ClusterFacts['served']> {
  const hooks = hooksOf(subjectsOf(site.objects.hooks)).filter((hook) => isSeenFrom(site, hook));
  const targets = new Map(hooks.map((hook) => [hook.target.key, hook]));
  const chains = new Map<string, FactAnswer<readonly ServedCertificates[]>>();
  for (const [key, hook] of targets) {
    const { target } = hook;
    const read = target.service === undefined ? byAddress(target) : byService(hook, site);
    chains.set(key, await read);
  }
  return chains;
}

type Chains = FactAnswer<readonly ServedCertificates[]>;

/** The API server itself uses the same address. */
async function byAddress(target: HookTarget): Promise<Chains> {
  const { host, port } = target;
  try {
    const certificates = await readServedChain({ at: { host, port }, serverName: host });
    return known([{ certificates, source: `a TLS handshake with ${host}:${port}` }]);
  } catch (thrown) {
    return { kind: 'unknown', reason: `${host}:${port}: ${messageOf(thrown)}` };
  }
}

/**
 * Through the API server to the replicas. Never by the Service's address: outside the cluster it may belong to anybody.
 */
async function byService(hook: InspectedHook, site: Site): Promise<Chains> {
  const { target } = hook;
  const name = target.service?.name ?? '';
  const endpoints = endpointsOf(subjectsOf(site.objects.endpointSlices), name);
  const chains: ServedCertificates[] = [];
  const reasons: string[] = [];
  for (const endpoint of endpoints.slice(0, askedReplicas)) {
    try {
      chains.push(await byForwarding(endpoint, target.host, site));
    } catch (thrown) {
      reasons.push(messageOf(thrown));
    }
  }
  if (chains.length > 0) return known(chains);
  const stored = await storedChain(hook, site);
  if (typeof stored === 'object') return known([stored]);
  return { kind: 'unknown', reason: [...reasons, stored].join('; ') };
}

async function byForwarding(
  { pod, port }: Endpoint,
  serverName: string,
  { api, ownNamespace }: Site,
): Promise<ServedCertificates> {
  const socket = await api.forward(ownNamespace, pod, port);
  try {
    const certificates = await readServedChain({ at: { socket }, serverName });
    return { certificates, source: `a TLS handshake with pod ${pod}` };
  } finally {
    socket.destroy();
  }
}

function known(chains: readonly ServedCertificates[]): Chains {
  return { kind: 'known', value: chains };
}

/** From the Secret that the webhook mounts, or writes; its key is read with it, but never used or shown. */
async function storedChain(
  { target, revision }: InspectedHook,
  site: Site,
): Promise<ServedCertificates | string> {
  const { api, objects, ownNamespace, signal } = site;
  const [deployment] = webhookDeployments(
    subjectsOf(objects.services).filter(({ object }) => nameOf(object) === target.service?.name),
    subjectsOf(objects.deployments),
  );
  const template = objectAt(objectAt(deployment?.object, 'spec'), 'template');
  const [name = nameFor(usualSecret, revision)] = listAt(objectAt(template, 'spec'), 'volumes')
    .filter(isObject)
    .flatMap((volume) => stringAt(objectAt(volume, 'secret'), 'secretName') ?? []);
  try {
    const secret = await readOne(api, pathOf(secrets, ownNamespace, name), signal);
    const text = stringAt(objectAt(secret, 'data'), 'tls.crt');
    if (secret === undefined) return `there is no Secret ${ownNamespace}/${name}`;
    if (text === undefined) return `Secret ${ownNamespace}/${name} has no tls.crt`;
    const certificates = Buffer.from(text, 'base64').toString('utf8').match(pemBlock) ?? [];
    return {
      certificates,
      source: `Secret ${ownNamespace}/${name}, since no replica can be asked`,
    };
  } catch (thrown) {
    if (!(thrown instanceof ApiRefusal)) throw thrown;
    return `${reasonOf(thrown, secrets)}, in namespace ${ownNamespace}`;
  }
}
