/** A Pod that asks for injection, sent as a dry run: whether the API server reaches the webhook and trusts it. */
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { statusKey, templatesKey } from '../request/metadata-keys.ts';
import { namespaceLabels } from './assess.ts';
import { found, skipped, type Check, type Finding, type CheckOutcome } from './check-contract.ts';
import { installationWords, revisionIn } from '../request/revision.ts';
import { revisionInStatus } from '../injection/status.ts';
import { installedRevisions } from './installed-revisions.ts';
import { metadataOf, nameOf, type ProbeAnswer, type Subject } from './facts.ts';
import { podHookOf, type InspectedHook } from './inspected-hooks.ts';

/** Small enough for every quota, and admitted by Pod Security "restricted"; nothing of it is ever stored. */
export const probePod: JsonObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    generateName: 'svidecar-check-',
    annotations: { [templatesKey]: 'spiffe-socket' },
  },
  spec: {
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 65_532,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [
      {
        name: 'probe',
        image: 'probe.invalid/never-pulled:1',
        resources: {
          requests: { cpu: '1m', memory: '1Mi' },
          limits: { cpu: '1m', memory: '1Mi' },
        },
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
    ],
  },
};

/** A namespace that the hooks see. @param only where the user chose one namespace */
export function probeNamespace(
  namespaces: readonly Subject[],
  only: string | undefined,
): string | undefined {
  const labels = [...namespaceLabels(namespaces)];
  const able = labels
    .filter(
      ([name, label]) =>
        (label === 'enabled' || label === 'pod') && (only === undefined || only === name),
    )
    .map(([name]) => name);
  // Where a namespace names a revision, that one would answer.
  const named = new Set(
    namespaces
      .filter(({ object }) => revisionIn(metadataOf(object)) !== undefined)
      .map(({ object }) => nameOf(object)),
  );
  return able.find((name) => !named.has(name)) ?? able[0];
}

export const webhookAnswers: Check = {
  id: 'webhook_answers',
  category: 'webhook',
  claim: 'the API server reaches the webhook, trusts it, and gets an injected Pod back',
  why: 'It is the whole way at once: network, certificate, caBundle, selectors and conditions.',
  offline: false,
  reads: ['hooks'],
  run: ({ facts, objects }) => {
    const { probe } = facts;
    const named = probe.kind === 'known' ? namedBy(objects('namespaces'), probe.value) : undefined;
    const hook = podHookOf(objects('hooks'), named);
    if (hook === undefined)
      return skipped(
        named === undefined
          ? 'there is no hook that could be called'
          : 'there is no hook of the revision that the namespace names (revision_served)',
      );
    if (probe.kind === 'not_asked') return skipped(probe.reason);
    if (probe.kind === 'unknown') return { findings: [], unread: [probe.reason] };
    const { byDefault } = installedRevisions(objects('hooks'));
    return judge(probe.value, hook, named ?? byDefault);
  },
};

/** Which revision the namespace names, to which the Pod was sent. */
function namedBy(namespaces: readonly Subject[], { namespace }: ProbeAnswer): string | undefined {
  const subject = namespaces.find(({ object }) => nameOf(object) === namespace);
  return subject === undefined ? undefined : revisionIn(metadataOf(subject.object));
}

/** @param chosen whose the Pod is */
function judge(answer: ProbeAnswer, hook: InspectedHook, chosen: string | undefined): CheckOutcome {
  const { pod, namespace, message, refusal = 'other' } = answer;
  const finding = (said: string, hint: string): CheckOutcome =>
    found([{ severity: 'error', where: hook.where, message: said, hint } satisfies Finding]);
  if (pod !== undefined) {
    const fault = faultOf(pod, chosen);
    const what = `a Pod of namespace ${namespace} that asks for injection`;
    return fault === undefined ? found([]) : finding(`${what} ${fault.said}`, fault.hint);
  }
  switch (refusal) {
    case 'webhook_nowhere':
    case 'webhook_unreachable':
    case 'webhook_untrusted':
      return finding(`the API server cannot call the webhook: ${message}`, hints[refusal]);
    case 'policy':
      return finding(
        `the guard refused a Pod that the webhook should have injected: ${message}`,
        'the webhook does not answer, or does not see the namespace: look at the checks above',
      );
    case 'other':
      return { findings: [], unread: [`the probe Pod was refused for another reason: ${message}`] };
    default:
      return refusal satisfies never;
  }
}

/** What is wrong with one that was admitted: the end of a sentence. */
function faultOf(
  pod: JsonObject,
  chosen: string | undefined,
): { readonly said: string; readonly hint: string } | undefined {
  const status = stringAt(objectAt(metadataOf(pod), 'annotations'), statusKey);
  if (status === undefined)
    return {
      said: 'is admitted without it: the API server did not ask the webhook, or got no answer',
      hint: 'look at webhook_service and webhook_certificate above, and at the failurePolicy of the hook',
    };
  const injector = revisionInStatus(status);
  if (chosen === undefined || injector === chosen) return undefined;
  return {
    said: `is for ${installationWords(chosen)}, which did not answer: ${installationWords(injector)} injected it instead`,
    hint: 'look at webhook_service and webhook_certificate above (--revision NAME reads those of another revision), or name another default: svidecar revision default',
  };
}

const hints = {
  webhook_nowhere: 'nobody serves there: see webhook_service and webhook_replicas',
  webhook_unreachable:
    'the network between API server and webhook: NetworkPolicies, firewall of the control plane to port 10250, a proxy',
  webhook_untrusted: 'the caBundle does not trust what is served: see webhook_certificate',
} as const;
