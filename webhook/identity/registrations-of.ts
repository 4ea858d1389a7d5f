/** The registrations that one workload needs: its identity, told from its pod template, for each of its containers. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { parseTrustDomain } from '#kernel/spiffe-id.ts';
import { helperContainer } from '../../sidecar/config/helper-contract.ts';
import type { Located } from '../request/locate.ts';
import { readRequest } from '../request/read-annotations.ts';
import { variablesFor, type EngineFacts } from '../request/variables.ts';
import type { Registration } from './registration.ts';

/** On the pod template: with which trust domains the workload federates. */
const federatesWithKey = 'spiffe.io/federatesWith';

export interface RegistrationOptions {
  readonly facts: EngineFacts;
  /** Whether the auth helper is one of the workload's containers. */
  readonly hasHelper: boolean;
  /** SPIFFE ID of the agents; default: the one of the usual installation of SPIRE. */
  readonly parentId?: string;
  /** Keys of the pods' labels that select too. */
  readonly podLabels: readonly string[];
  /** Containers beside the helper; those that the workload lacks are passed over. */
  readonly containers: readonly string[];
}

/** One for each container. @throws {AppError} SPIFFE_ID_INVALID, and as the annotations */
export function registrationsOf(
  located: Located,
  options: RegistrationOptions,
): readonly Registration[] {
  const containers = containersOf(located, options);
  if (containers.length === 0) return [];
  const identity = identityOf(located, options);
  return containers.map((container) => ({ ...identity, container }));
}

/** The helper where there is one, and those of the named containers that the pod has. */
function containersOf(
  { template }: Located,
  { hasHelper, containers }: RegistrationOptions,
): readonly string[] {
  const spec = objectAt(template, 'spec');
  const present = [...listAt(spec, 'containers'), ...listAt(spec, 'initContainers')].map((each) =>
    isObject(each) ? each['name'] : '',
  );
  const others = containers.filter((name) => present.includes(name));
  return hasHelper ? [helperContainer, ...others] : others;
}

function identityOf(
  located: Located,
  { facts, parentId, podLabels }: RegistrationOptions,
): Omit<Registration, 'container'> {
  const { template, namespace } = located;
  const request = readRequest(template);
  const settings = request.kind === 'templates' ? request.settings : {};
  const variables = variablesFor(located, settings, facts);
  const text = (name: string): string => stringAt(variables, name) ?? '';
  const labels = objectAt(objectAt(template, 'metadata'), 'labels');
  const chosen = podLabels.flatMap((key) => {
    const value = stringAt(labels, key);
    return value === undefined ? [] : [`k8s:pod-label:${key}:${value}`];
  });
  return {
    spiffeId: text('spiffeId'),
    parentId: parentId ?? `spiffe://${text('trustDomain')}/ns/spire/sa/spire-agent`,
    namespace,
    workload: located.name,
    selectors: [`k8s:ns:${namespace}`, `k8s:sa:${text('serviceAccount')}`, ...chosen],
    labels: Object.fromEntries(
      Object.keys(labels).map((key) => [key, stringAt(labels, key) ?? '']),
    ),
    federatesWith: federatesWith(template),
  };
}

/** As SPIRE's former Kubernetes registrar read it: names of trust domains, separated by commas. @throws {AppError} SPIFFE_ID_INVALID */
function federatesWith(template: JsonObject): readonly string[] {
  const annotations = objectAt(objectAt(template, 'metadata'), 'annotations');
  const names = (stringAt(annotations, federatesWithKey) ?? '').split(',');
  return names
    .map((each) => each.trim())
    .filter((each) => each !== '')
    .map((each) => parseTrustDomain(each));
}
