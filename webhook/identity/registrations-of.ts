/** The registrations that one workload needs: its identity, told from its pod template, for each of its containers. */
import { AppError } from '#kernel/errors.ts';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { helperContainer } from '../../sidecar/config/helper-contract.ts';
import { proxyContainer } from '../proxy/proxy-plan.ts';
import { federationOf } from '../request/federation.ts';
import type { Located } from '../request/locate.ts';
import { readRequest } from '../request/read-annotations.ts';
import { variablesFor, type EngineFacts } from '../request/variables.ts';
import { usualAgentId } from './agent-id.ts';
import { dnsNamesOf, type DnsNames } from './dns-names.ts';
import { imageSelector } from './image-selector.ts';
import { hasIstioProxy } from './istio-proxy.ts';
import { istioContainer } from '../istio/istio-plan.ts';
import { labelFault } from './missing-labels.ts';
import { plainTerms, type Registration, type RegistrationTerms } from './registration.ts';

export interface RegistrationOptions {
  readonly facts: EngineFacts;
  /** Whether the auth helper is one of the workload's containers. */
  readonly hasHelper: boolean;
  /** The Envoy that a template brought, which needs an X.509-SVID. */
  readonly hasOwnEnvoy?: boolean;
  /** SPIFFE ID of the agents; default: the one of the usual installation of SPIRE. */
  readonly parentId?: string;
  /** Keys of the pods' labels that select too: the pod template must have them all. */
  readonly podLabels: readonly string[];
  /** Containers beside the helper; those that the workload lacks are passed over. */
  readonly containers: readonly string[];
  /** Whether Istio's proxy is registered too, as Istio wants it. */
  readonly isIstio?: boolean;
  /** Whether the container's image selects too. */
  readonly selectsImage?: boolean;
  /** Of the one pod that is meant. */
  readonly podUid?: string;
  readonly dnsNames?: DnsNames;
  /** Default: {@link plainTerms}. */
  readonly terms?: RegistrationTerms;
}

/** A container that is registered. */
interface Named {
  readonly name: string;
  /** Undefined where an injector will choose it. */
  readonly image: string | undefined;
}

/** What all registrations of a workload have in common. */
interface Identity {
  readonly spiffeId: string;
  /** The one that Istio demands of its proxies. */
  readonly istioSpiffeId: string;
  readonly parentId: string;
  readonly serviceAccount: string;
  readonly selectors: readonly string[];
  readonly helperImage: string;
  readonly envoyImage: string;
}

/**
 * One for each container.
 * @throws {AppError} LABEL_MISSING, TEMPLATE_INVALID for an unknown variable, and as the annotations
 */
export function registrationsOf(
  located: Located,
  options: RegistrationOptions,
): readonly Registration[] {
  const containers = containersOf(located, options);
  if (containers.length === 0) return [];
  const fault = labelFault(located, options.podLabels);
  if (fault !== undefined)
    throw new AppError(
      'LABEL_MISSING',
      `${located.kind} ${located.namespace}/${located.name}: ${fault}`,
    );
  const identity = identityOf(located, options);
  return containers.map((each) => registrationOf(each, { located, options, identity }));
}

/** The helper where there is one, and those of the others that the pod has. */
function containersOf(located: Located, options: RegistrationOptions): readonly Named[] {
  const spec = objectAt(located.template, 'spec');
  const images = new Map(
    [...listAt(spec, 'containers'), ...listAt(spec, 'initContainers')]
      .filter(isObject)
      .map((each) => [stringAt(each, 'name') ?? '', stringAt(each, 'image')] as const),
  );
  const names = [
    ...(options.hasHelper ? [helperContainer] : []),
    ...(options.hasOwnEnvoy === true ? [proxyContainer] : []),
    ...options.containers.filter((name) => images.has(name)),
    ...(options.isIstio === true && hasIstioProxy(located) ? [istioContainer] : []),
  ];
  return [...new Set(names)].map((name) => ({ name, image: images.get(name) }));
}

function registrationOf(
  { name, image }: Named,
  of: {
    readonly located: Located;
    readonly options: RegistrationOptions;
    readonly identity: Identity;
  },
): Registration {
  const { located, options, identity } = of;
  const { template, namespace } = located;
  const { terms = plainTerms, podUid, dnsNames } = options;
  const labels = objectAt(objectAt(template, 'metadata'), 'labels');
  const isProxyOfIstio = options.isIstio === true && name === istioContainer;
  const spiffeId = isProxyOfIstio ? identity.istioSpiffeId : identity.spiffeId;
  return {
    ...terms,
    // All others want their X.509-SVID at once.
    isPrefetched: terms.isPrefetched || name !== helperContainer,
    spiffeId,
    parentId: identity.parentId,
    namespace,
    workload: located.name,
    container: name,
    selectors: [
      ...identity.selectors,
      ...labelSelectors(labels, options.podLabels),
      ...(podUid === undefined ? [] : [`k8s:pod-uid:${podUid}`]),
      `k8s:container-name:${name}`,
      ...imageSelectors(image ?? imageOf(name, identity, options), options),
    ],
    labels: Object.fromEntries(
      Object.keys(labels).map((key) => [key, stringAt(labels, key) ?? '']),
    ),
    federatesWith: federationOf(template, spiffeId).trustDomains,
    dnsNames:
      dnsNames === undefined
        ? []
        : dnsNamesOf(located, { ...dnsNames, ...identity, isProxyOfIstio }),
  };
}

/** Of a container that is injected. */
function imageOf(name: string, identity: Identity, { hasOwnEnvoy }: RegistrationOptions): string {
  if (name === helperContainer) return identity.helperImage;
  return hasOwnEnvoy === true && name === proxyContainer ? identity.envoyImage : '';
}

function identityOf(located: Located, { facts, parentId }: RegistrationOptions): Identity {
  const { template, namespace } = located;
  const request = readRequest(template);
  const settings = request.kind === 'templates' ? request.settings : {};
  const variables = variablesFor(located, settings, facts);
  const text = (name: string): string => stringAt(variables, name) ?? '';
  const trustDomain = text('trustDomain');
  const serviceAccount = text('serviceAccount');
  return {
    spiffeId: text('spiffeId'),
    istioSpiffeId: `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`,
    parentId: parentId ?? usualAgentId(trustDomain),
    serviceAccount,
    selectors: [`k8s:ns:${namespace}`, `k8s:sa:${serviceAccount}`],
    helperImage: text('image'),
    envoyImage: text('envoyImage'),
  };
}

function labelSelectors(labels: JsonObject, keys: readonly string[]): readonly string[] {
  return keys.map((key) => `k8s:pod-label:${key}:${stringAt(labels, key) ?? ''}`);
}

/** `auto` stands in Istio's manifests for what its injector chooses. */
function imageSelectors(image: string, { selectsImage = false }: RegistrationOptions): string[] {
  return selectsImage && image !== '' && image !== 'auto' ? [imageSelector(image)] : [];
}
