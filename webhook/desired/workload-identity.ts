/** What a stored workload is to be in SPIRE, told from its pod template and the newest configuration. */
import { AppError } from '#kernel/errors.ts';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { needsIdentity } from '../../sidecar/config/needs-identity.ts';
import { labelFault } from '../identity/missing-labels.ts';
import type { Registration } from '../identity/registration.ts';
import { registrationsOf, type RegistrationOptions } from '../identity/registrations-of.ts';
import { fragmentsOf } from '../injection/compose.ts';
import type { Engine } from '../injection/inject.ts';
import { bringsEnvoy, needsIdentityOf } from '../injection/status.ts';
import { istioContainer } from '../istio/istio-plan.ts';
import { givesIstioTheSocket } from '../istio/istio-socket.ts';
import { proxyContainer } from '../proxy/proxy-plan.ts';
import { isPod, kindNamed } from '../objects/kinds.ts';
import { locate, type Located } from '../request/locate.ts';
import { annotationKey, statusKey } from '../request/metadata-keys.ts';
import { readRequest, type Settings } from '../request/read-annotations.ts';
import { variablesFor } from '../request/variables.ts';

/** The identity that a workload's helper, or its Envoy (Istio's too), asks for, whatever its parent in SPIRE. */
export interface WorkloadIdentity {
  readonly spiffeId: string;
  /** Sorted. */
  readonly selectors: readonly string[];
  /** Names of trust domains, sorted. */
  readonly federatesWith: readonly string[];
  /** Whether an X.509-SVID is wanted at once; helpers use tokens only. */
  readonly wantsCertificate?: boolean;
}

export type IdentityWish =
  | {
      readonly kind: 'identity';
      readonly identity: WorkloadIdentity;
      /** Of the Envoy that a template brought, or of Istio's with SPIRE's socket, where the other one is a helper's. */
      readonly envoy?: WorkloadIdentity;
    }
  /** It asks for what it may not have: nothing is registered for it. */
  | { readonly kind: 'refused'; readonly why: string }
  /** What it asks for cannot be told; entries that may be its own must stay. */
  | { readonly kind: 'unclear'; readonly why: string };

/** Whether a template brought an Envoy, beside a helper or alone; Istio's has an identity only with `registration: entries`. */
export function hasOwnEnvoy({ identity, envoy }: IdentityWish & { kind: 'identity' }): boolean {
  return envoy !== undefined || identity.wantsCertificate === true;
}

/**
 * Undefined where no helper with an identity is asked for. Of what a controller makes, only pods count beside the controller's own object: one
 * that was started before a change keeps its identity while it runs.
 */
export function identityOfStored(object: JsonObject, engine: Engine): IdentityWish | undefined {
  const located = locate(object, '');
  if (located === undefined || isRevision(located)) return undefined;
  try {
    return identityOf(located, engine);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { kind: 'unclear', why: error.message };
  }
}

/** Made by a controller that we follow too, and no pod. */
function isRevision({ kind, metadata }: Located): boolean {
  const type = kindNamed(kind);
  if (type === undefined || isPod(type)) return false;
  const controller = listAt(metadata, 'ownerReferences').find(
    (owner) => isObject(owner) && owner['controller'] === true,
  );
  const name = isObject(controller) ? stringAt(controller, 'kind') : undefined;
  return name !== undefined && kindNamed(name) !== undefined;
}

function identityOf(located: Located, engine: Engine): IdentityWish | undefined {
  const { settings, names } = requestIn(located);
  const needs = needsIn(located, engine, names);
  if (!Object.values(needs).includes(true)) return undefined;
  const { entries, registration: registrar } = engine.config;
  // Entries of spire-controller-manager are for one pod each, by its UID.
  const podLabels = registrar === 'clusterspiffeid' ? [] : entries.podLabels;
  const fault = labelFault(located, podLabels);
  if (fault !== undefined) return { kind: 'refused', why: fault };
  const registrations = registrationsOf(located, {
    facts: engine,
    ...needs,
    podLabels,
    containers: [],
    selectsImage: entries.selectImage,
  });
  const [registration] = registrations;
  if (registration === undefined) return undefined;
  const { spiffeId } = registration;
  if (!entries.allowSpiffeIdAnnotation) {
    const why = overrideFault(located, settings, { engine, spiffeId });
    if (why !== undefined) return { kind: 'refused', why };
  }
  return wishOf(registrations.map(wishedBy));
}

function wishOf([identity, envoy]: readonly WorkloadIdentity[]): IdentityWish | undefined {
  if (identity === undefined) return undefined;
  return { kind: 'identity', identity, ...(envoy === undefined ? {} : { envoy }) };
}

function wishedBy({
  spiffeId,
  selectors,
  federatesWith,
  container,
}: Registration): WorkloadIdentity {
  return {
    spiffeId,
    selectors: [...new Set(selectors)].sort(),
    federatesWith,
    ...(container === proxyContainer || container === istioContainer
      ? { wantsCertificate: true }
      : {}),
  };
}

function requestIn({ template }: Located): {
  readonly names: readonly string[];
  readonly settings: Settings;
} {
  const request = readRequest(template);
  return request.kind === 'templates' ? request : { names: [], settings: {} };
}

type Needs = Pick<RegistrationOptions, 'hasHelper' | 'hasOwnEnvoy' | 'isIstio'>;

/** A helper whose rules only ban needs none. */
function needsIn(located: Located, engine: Engine, names: readonly string[]): Needs {
  const { template } = located;
  const text = stringAt(objectAt(objectAt(template, 'metadata'), 'annotations'), statusKey);
  if (text !== undefined) {
    const status = engine.memory.parseStatus(text);
    return {
      hasHelper: needsIdentityOf(status),
      hasOwnEnvoy: bringsEnvoy(status),
      isIstio: givesIstioSockets(status.templates, engine),
    };
  }
  // On the node's network nothing is injected.
  if (names.length === 0 || objectAt(template, 'spec')['hostNetwork'] === true)
    return { hasHelper: false };
  const { settings } = requestIn(located);
  const templates = names.map((name) => engine.library.get(name));
  const fragments = fragmentsOf(templates, variablesFor(located, settings, engine));
  const rules = fragments.map(({ helperRule }) => helperRule).filter((rule) => rule !== undefined);
  return {
    hasHelper: needsIdentity(rules),
    hasOwnEnvoy: fragments.some(({ envoy }) => envoy?.own !== undefined),
    isIstio: givesIstioSockets(names, engine),
  };
}

/** Whoever lets spire-controller-manager register says himself which of Istio's proxies it registers. */
function givesIstioSockets(names: readonly string[], { config, library }: Engine): boolean {
  if (config.registration !== 'entries') return false;
  // Of those that a pod was injected with, one may be there no more.
  const parts = names.flatMap((name) =>
    library.names.includes(name) ? library.get(name).parts : [],
  );
  return parts.some(({ fragment: { pod } }) => pod !== undefined && givesIstioTheSocket(pod));
}

/** Whoever writes a workload would choose who it is: only where the configuration lets them. */
function overrideFault(
  located: Located,
  settings: Settings,
  { engine, spiffeId }: { readonly engine: Engine; readonly spiffeId: string },
): string | undefined {
  const keys = (['spiffe-id', 'trust-domain'] as const).filter(
    (key) => settings[key] !== undefined,
  );
  if (keys.length === 0 || variablesFor(located, {}, engine)['spiffeId'] === spiffeId)
    return undefined;
  const named = keys.map(annotationKey).join(' and ');
  return (
    `${named} would make it ${spiffeId}, and the configuration does not let workloads choose their identity, so nothing is registered for it in SPIRE: ` +
    `remove ${named}, or have the cluster's administrators set entries.allowSpiffeIdAnnotation`
  );
}
