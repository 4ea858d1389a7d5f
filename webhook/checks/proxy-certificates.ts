/** Whether Istio's proxies have the certificates that were asked for: whose, from whom, and which peers they can know. */
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { proxyIn } from '../injection/istio-marks.ts';
import { federationOf } from '../request/federation.ts';
import { locate } from '../request/locate.ts';
import { readableStatus } from './assess.ts';
import {
  nameOf,
  namespaceOf,
  subjectsOf,
  whereOf,
  type ClusterFacts,
  type FactAnswer,
  type ProxySecrets,
  type Where,
} from './facts.ts';

export interface JudgedProxy {
  readonly where: Where;
  /** Undefined: it was not asked. */
  readonly answer: FactAnswer<ProxySecrets>;
  /** What is wrong, and what to do next; the first only. */
  readonly fault: { readonly message: string; readonly hint: string } | undefined;
}

/** The template that wants SPIRE's certificates for them. */
const template = 'istio-spire';

export function hasProxy(pod: JsonObject): boolean {
  return proxyIn(pod) !== undefined;
}

/** Of the pods that were asked; by namespace and name. */
export function judgeProxies(facts: ClusterFacts): readonly JudgedProxy[] {
  return subjectsOf(facts.objects.pods)
    .flatMap((subject): readonly JudgedProxy[] => {
      const { object } = subject;
      const namespace = namespaceOf(object, facts);
      const answer = facts.proxies.get(`${namespace}/${nameOf(object)}`);
      if (answer === undefined) return [];
      const fault =
        answer.kind === 'known' ? faultOf(answer.value, { object, namespace }, facts) : undefined;
      return [{ where: whereOf(subject, namespace), answer, fault }];
    })
    .toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
}

function keyOf({ where: { namespace, name } }: JudgedProxy): string {
  return JSON.stringify([namespace, name]);
}

interface PodAt {
  readonly object: JsonObject;
  readonly namespace: string;
}

type Fault = JudgedProxy['fault'];

function faultOf(secrets: ProxySecrets, at: PodAt, { nowMs }: ClusterFacts): Fault {
  const { spiffeId, validUntilS, issuer } = secrets;
  if (issuer.kind === 'unknown' || spiffeId === undefined) return undefined;
  if (validUntilS !== undefined && validUntilS * 1_000 <= nowMs)
    return {
      message: 'its certificate is over, and nobody has renewed it',
      hint: "look at the log of istio-proxy, and whether SPIRE's agent on its node is ready",
    };
  const account = stringAt(objectAt(at.object, 'spec'), 'serviceAccountName') ?? 'default';
  const form = `/ns/${at.namespace}/sa/${account}`;
  if (!spiffeId.endsWith(form) || spiffeId.slice(0, -form.length).split('/').length !== 3)
    return {
      message: `its certificate is of ${spiffeId}, and Istio takes none but spiffe://<trust domain>${form} for it`,
      hint: 'correct its entry in SPIRE: svidecar render entries --istio prints it',
    };
  return issuer.kind === 'istiod' ? ofIstiod(at) : lackingDomains(secrets, at, spiffeId);
}

/** That is as it should be where nobody has asked for another. */
function ofIstiod({ object }: PodAt): Fault {
  const asked = readableStatus(object)?.templates.includes(template) ?? false;
  return asked
    ? {
        message: `its certificate is istiod's, although ${template} was asked for`,
        hint: "see that the volume workload-socket of the pod is SPIRE's (csi.spiffe.io, or the folder of the agent's socket), that the file in it is named socket, and delete the pod, so that it is made again",
      }
    : undefined;
}

function lackingDomains(
  { trustDomains }: ProxySecrets,
  { object }: PodAt,
  spiffeId: string,
): Fault {
  const pod = locate(object, '')?.template ?? {};
  const lacking = federationOf(pod, spiffeId).trustDomains.filter(
    (each) => !trustDomains.includes(each),
  );
  return lacking.length === 0
    ? undefined
    : {
        message: `it federates with ${lacking.join(', ')}, whose bundle is not in its ROOTCA`,
        hint: 'see that its entry in SPIRE says so (svidecar identities), and that SPIRE\'s agent has default_all_bundles_name = "ROOTCA"',
      };
}
