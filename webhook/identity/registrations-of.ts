/** The registrations that one workload needs: its identity, told from its pod template, for each of its containers. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { helperContainer } from '../../sidecar/config/helper-contract.ts';
import { federationOf } from '../request/federation.ts';
import type { Located } from '../request/locate.ts';
import { readRequest } from '../request/read-annotations.ts';
import { variablesFor, type EngineFacts } from '../request/variables.ts';
import { imageSelector } from './image-selector.ts';
import type { Registration, RegistrationTerms } from './registration.ts';

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
  /** Whether the container's image selects too. */
  readonly selectsImage?: boolean;
  /** Default: {@link plainTerms}. */
  readonly terms?: RegistrationTerms;
}

const plainTerms: RegistrationTerms = {
  hint: '',
  x509SvidTtlS: 0,
  jwtSvidTtlS: 0,
  isPrefetched: true,
};

type Identity = Omit<Registration, 'container' | keyof RegistrationTerms>;

/** One for each container. @throws {AppError} as the annotations */
export function registrationsOf(
  located: Located,
  options: RegistrationOptions,
): readonly Registration[] {
  const { terms = plainTerms, selectsImage = false } = options;
  const containers = containersOf(located, options);
  if (containers.size === 0) return [];
  const { helperImage, ...identity } = identityOf(located, options);
  return [...containers].map(([container, image]) => ({
    ...identity,
    container,
    selectors: [
      ...identity.selectors,
      `k8s:container-name:${container}`,
      ...(selectsImage ? [imageSelector(image ?? helperImage)] : []),
    ],
    ...terms,
  }));
}

/** The helper where there is one, and those of the named containers that the pod has; with their images, if it says them. */
function containersOf(
  { template }: Located,
  { hasHelper, containers }: RegistrationOptions,
): ReadonlyMap<string, string | undefined> {
  const spec = objectAt(template, 'spec');
  const present = new Map(
    [...listAt(spec, 'containers'), ...listAt(spec, 'initContainers')]
      .filter(isObject)
      .map((each) => [stringAt(each, 'name') ?? '', stringAt(each, 'image')] as const),
  );
  const others = containers.filter((name) => present.has(name));
  const names = hasHelper ? [helperContainer, ...others] : others;
  return new Map(names.map((name) => [name, present.get(name)]));
}

function identityOf(
  located: Located,
  { facts, parentId, podLabels }: RegistrationOptions,
): Identity & { readonly helperImage: string } {
  const { template, namespace } = located;
  const request = readRequest(template);
  const settings = request.kind === 'templates' ? request.settings : {};
  const variables = variablesFor(located, settings, facts);
  const text = (name: string): string => stringAt(variables, name) ?? '';
  const labels = objectAt(objectAt(template, 'metadata'), 'labels');
  return {
    spiffeId: text('spiffeId'),
    parentId: parentId ?? `spiffe://${text('trustDomain')}/ns/spire/sa/spire-agent`,
    namespace,
    workload: located.name,
    selectors: [
      `k8s:ns:${namespace}`,
      `k8s:sa:${text('serviceAccount')}`,
      ...labelSelectors(labels, podLabels),
    ],
    labels: Object.fromEntries(
      Object.keys(labels).map((key) => [key, stringAt(labels, key) ?? '']),
    ),
    federatesWith: federationOf(template, text('spiffeId')).trustDomains,
    dnsNames: [],
    helperImage: text('image'),
  };
}

/** Of those labels that the pods have. */
function labelSelectors(labels: JsonObject, keys: readonly string[]): readonly string[] {
  return keys.flatMap((key) => {
    const value = stringAt(labels, key);
    return value === undefined ? [] : [`k8s:pod-label:${key}:${value}`];
  });
}
