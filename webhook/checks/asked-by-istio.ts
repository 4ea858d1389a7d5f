/** Whether Istio asks the helpers of workloads that leave that to Istio's own API: policy, provider and address. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { helperEntry, helperHost, providerName, providerTemplate } from '../istio/provider.ts';
import type { Assessed } from './assess.ts';
import { withoutProxy } from './bare-pods.ts';
import type { Check, CheckOutcome, Finding } from './check-contract.ts';
import { subjectsOf, type ClusterFacts, type Reading, type Where } from './facts.ts';
import { isFor, rootNamespaces } from './istio-selection.ts';
import { leadsToHelper, meshesOf, providersOf, type MeshConfig } from './mesh-configs.ts';
import { ofController, ofOthers } from './pod-groups.ts';

export const istioPolicies: Check = {
  id: 'istio_policies',
  category: 'workloads',
  claim: `every workload with the template ${providerTemplate} has its helper asked by Istio`,
  why: 'Nothing else makes Istio ask it: without the policy requests pass unchecked, and without its provider none passes.',
  offline: false,
  reads: ['workloads', 'pods'],
  run: ({ assessed, facts }) => {
    const users = assessed.filter((each) => asksFor(each, providerTemplate));
    if (users.length === 0)
      return { findings: [], skipped: `nothing asks for ${providerTemplate}` };
    const policies = judgePolicies(users, facts);
    const mesh = judgeMesh(facts, policies.providers);
    return {
      findings: [
        ...policies.outcome.findings,
        ...withoutProxy(users, 'so nobody asks its helper'),
        ...mesh.findings,
      ],
      unread: [...(policies.outcome.unread ?? []), ...(mesh.unread ?? [])],
      notes: mesh.notes ?? [],
    };
  },
};

export function asksFor({ decision }: Assessed, template: string): boolean {
  return 'status' in decision && decision.status.templates.includes(template);
}

/** Names that no mesh configuration says something else about. */
function helpersProviders(meshes: readonly MeshConfig[]): ReadonlySet<string> {
  const found = meshes
    .flatMap(providersOf)
    .filter(leadsToHelper)
    .flatMap((provider) => stringAt(provider, 'name') ?? []);
  return new Set([providerName, ...found]);
}

interface JudgedPolicies {
  readonly outcome: CheckOutcome;
  /** Names of the providers that they name. */
  readonly providers: ReadonlySet<string>;
}

function judgePolicies(users: readonly Assessed[], facts: ClusterFacts): JudgedPolicies {
  const reading = facts.objects.authorizationPolicies;
  const unread = 'reasons' in reading ? reading.reasons : [];
  const ours = helpersProviders(meshesOf(subjectsOf(facts.objects.meshConfigs)));
  const policies = subjectsOf(reading)
    .map(({ object }) => object)
    .filter((policy) => isCustom(policy) && ours.has(providerOf(policy)));
  const roots = rootNamespaces(facts);
  const isSeen = reading.kind === 'known';
  const judged = users.map((user) => {
    return { user, policies: policies.filter((policy) => isFor(policy, user, roots)) };
  });
  const unasked = judged.filter((each) => each.policies.length === 0).map(({ user }) => user);
  const partly = judged
    .filter((each) => each.policies.length > 0 && !each.policies.some(coversAll))
    .map(({ user }) => user);
  const findings = [
    ...(isSeen ? perWorkload(unasked, unaskedFault) : []),
    ...perWorkload(partly, partFault),
  ];
  return {
    outcome: { findings, unread },
    providers: new Set(judged.flatMap((each) => each.policies.map(providerOf))),
  };
}

export function isCustom(policy: JsonObject): boolean {
  return stringAt(objectAt(policy, 'spec'), 'action') === 'CUSTOM';
}

function providerOf(policy: JsonObject): string {
  return stringAt(objectAt(objectAt(policy, 'spec'), 'provider'), 'name') ?? '';
}

/** Whether one of its rules is about every request. */
function coversAll(policy: JsonObject): boolean {
  return listAt(objectAt(policy, 'spec'), 'rules').some(
    (rule) => isObject(rule) && Object.keys(rule).length === 0,
  );
}

type Tell = (where: Where, more: string) => Finding;

/** Once for a workload and its pods. */
export function perWorkload(users: readonly Assessed[], tell: Tell): readonly Finding[] {
  return [
    ...users.filter(({ where }) => where.kind !== 'Pod').map(({ where }) => tell(where, '')),
    ...ofOthers(users).map((group) => tell(group.first.where, ofController(group))),
  ];
}

function unaskedFault(where: Where, more: string): Finding {
  return {
    severity: 'error',
    where,
    message: `no AuthorizationPolicy with action CUSTOM has Istio ask its helper, so requests pass unchecked${more}`,
    hint: `svidecar render istio prints the policy: kubectl get ${where.kind.toLowerCase()} ${where.name} -n ${where.namespace} -o yaml | svidecar render istio - | kubectl apply -f -`,
  };
}

function partFault(where: Where, more: string): Finding {
  return {
    severity: 'warning',
    where,
    message: `its AuthorizationPolicy with action CUSTOM has Istio ask its helper for some requests only; all others pass unchecked${more}`,
    hint: 'give it the one rule {}: paths that need no token are told by svidecar.dev/skip-paths',
  };
}

/** What the policies name, as far as it can be read. */
function judgeMesh(facts: ClusterFacts, named: ReadonlySet<string>): CheckOutcome {
  if (named.size === 0) return { findings: [] };
  const { meshConfigs } = facts.objects;
  const meshes = meshesOf(subjectsOf(meshConfigs)).filter(({ value }) => value !== undefined);
  if (meshes.length === 0) {
    const notes = [`the extension provider is not judged: ${whyNoMesh(meshConfigs)}`];
    return { ...judgeAddress(facts), notes };
  }
  const faults = [...named].flatMap((provider) => providerFaults(provider, meshes));
  const usesHost = meshes.some((mesh) =>
    providersOf(mesh).some(
      (each) => named.has(stringAt(each, 'name') ?? '') && leadsToHelper(each),
    ),
  );
  if (!usesHost) return { findings: faults };
  const { findings, unread } = judgeAddress(facts);
  return { findings: [...faults, ...findings], unread };
}

function whyNoMesh(reading: Reading): string {
  return 'reasons' in reading
    ? reading.reasons.join('; ')
    : 'no mesh configuration is seen (ConfigMap istio of istiod, with the label istio.io/rev)';
}

const providerHint =
  "svidecar render istio --mesh-config prints it, as values of istiod's chart; put it among the extensionProviders that are there";

function providerFaults(name: string, meshes: readonly MeshConfig[]): readonly Finding[] {
  const found = meshes.map((mesh) => {
    return { mesh, provider: providersOf(mesh).find((each) => each['name'] === name) };
  });
  const isAnywhere = found.some(({ provider }) => provider !== undefined);
  return found.flatMap(({ mesh, provider }): readonly Finding[] => {
    const where = { kind: 'ConfigMap', namespace: mesh.namespace, name: mesh.name };
    if (provider === undefined)
      return [
        {
          // Another revision of istiod may be the one that counts.
          severity: isAnywhere ? 'warning' : 'error',
          where,
          message: `has no extension provider "${name}", which an AuthorizationPolicy names, so every request to its workloads is refused`,
          hint: providerHint,
        },
      ];
    return opensOnFailure(provider)
      ? [
          {
            severity: 'warning',
            where,
            message: `its extension provider "${name}" has failOpen: true, so requests pass unchecked while the helper does not answer`,
            hint: 'set failOpen: false',
          },
        ]
      : [];
  });
}

function opensOnFailure(provider: JsonObject): boolean {
  return objectAt(provider, 'envoyExtAuthzGrpc')['failOpen'] === true;
}

/** The ServiceEntry by which each proxy finds the helper beside it. */
function judgeAddress(facts: ClusterFacts): Required<Pick<CheckOutcome, 'findings' | 'unread'>> {
  const { serviceEntries } = facts.objects;
  const isThere = subjectsOf(serviceEntries).some(({ object }) => namesHelper(object));
  if (isThere) return { findings: [], unread: [] };
  // Where not all may be read, it may be among the others.
  if (serviceEntries.kind !== 'known') return { findings: [], unread: serviceEntries.reasons };
  const [namespace = ''] = rootNamespaces(facts);
  const finding: Finding = {
    severity: 'error',
    where: { kind: 'ServiceEntry', namespace, name: helperEntry },
    message: `is not there: nothing tells Istio's proxies the address of ${helperHost}, so every request that the helper should judge is refused`,
    hint: 'svidecar render istio prints it with the policies',
  };
  return { findings: [finding], unread: [] };
}

export function namesHelper(serviceEntry: JsonObject): boolean {
  return listAt(objectAt(serviceEntry, 'spec'), 'hosts').includes(helperHost);
}
