/** The registrations of all workloads of some manifests. */
import { AppError } from '#kernel/errors.ts';
import { isObject, listAt, objectAt, stringAt } from '#kernel/json.ts';
import { parseSpiffeId } from '#kernel/spiffe-id.ts';
import { helperContainer } from '../../sidecar/config/helper-contract.ts';
import { nameOf } from '../admission/decide.ts';
import type { KnownService } from '../identity/dns-names.ts';
import { mergeSimilar, type Registration } from '../identity/registration.ts';
import { registrationsOf, type RegistrationOptions } from '../identity/registrations-of.ts';
import { bringsEnvoy, needsIdentityOf } from '../injection/status.ts';
import { namespaceIn } from '../objects/namespace-in.ts';
import type { InjectorConfig } from '../request/injector-config.ts';
import { decideAll, type DecideOptions, type DecidedWorkload } from './decide-all.ts';
import { refusals } from './inject-texts.ts';
import { failureOf, problemAt, type InputProblem } from './input-problem.ts';
import { faultsIn, type ManifestDocument } from './manifest.ts';

export interface EntriesOptions extends Omit<
  RegistrationOptions,
  'facts' | 'hasHelper' | 'dnsNames' | 'podUid'
> {
  /** Names in X.509-SVIDs, with variables. */
  readonly dnsNames: readonly string[];
  /** Whether single pods are registered, by their UID, instead of what workloads have in common. */
  readonly isByPod: boolean;
  /** What `${pod}` becomes where a controller fills it in for each pod. */
  readonly podTemplate?: string;
  /** Whether each workload keeps its own, also where SPIRE sees no difference. */
  readonly isEachKept: boolean;
}

export interface RegistrationsIn {
  readonly registrations: readonly Registration[];
  readonly problems: readonly InputProblem[];
  /** Those that are registered. */
  readonly registered: readonly DecidedWorkload[];
}

/** What a workload's registrations depend on besides. */
interface Surroundings {
  readonly options: EntriesOptions;
  readonly engine: DecideOptions['engine'];
  readonly services: readonly KnownService[];
}

/** The configuration has a value for each of these. */
interface ConfiguredEntries extends EntriesOptions {
  readonly selectsImage: boolean;
  readonly terms: Required<NonNullable<EntriesOptions['terms']>>;
}

/** What the configuration says of entries, and nothing besides. @throws {AppError} SPIFFE_ID_INVALID */
export function configuredEntries({ entries }: InjectorConfig): ConfiguredEntries {
  return {
    ...(entries.parentId === undefined ? {} : { parentId: parseSpiffeId(entries.parentId) }),
    podLabels: entries.podLabels,
    containers: [],
    isIstio: false,
    selectsImage: entries.selectImage,
    terms: {
      hint: entries.hint,
      x509SvidTtlS: entries.x509SvidTtlSeconds,
      jwtSvidTtlS: entries.jwtSvidTtlSeconds,
      isPrefetched: true,
    },
    dnsNames: [],
    isByPod: false,
    isEachKept: false,
  };
}

/** Expected failures are problems in the result. @throws {AppError} USAGE where pods are asked for and none is there */
export function registrationsIn(
  documents: readonly ManifestDocument[],
  options: EntriesOptions,
  decideOptions: DecideOptions,
): RegistrationsIn {
  const outcomes = decideAll(documents, decideOptions).filter(({ located }) =>
    options.isByPod ? isLivePod(located) : !isRevision(located),
  );
  if (options.isByPod && outcomes.length === 0) refuseWithoutPods();
  const services = servicesIn(documents, decideOptions.namespace);
  const surroundings = { options, engine: decideOptions.engine, services };
  const results = outcomes.map((outcome) => resultFor(outcome, surroundings));
  const registrations = results.flatMap((each) => each.registrations);
  return {
    registrations: options.isEachKept ? registrations : mergeSimilar(registrations),
    problems: [...faultsIn(documents), ...results.flatMap((each) => each.problems)],
    registered: results.flatMap((each) => each.registered),
  };
}

/** Nothing is injected into a pod that runs: it has its helper, or none. */
function isLivePod({ kind, metadata }: DecidedWorkload['located']): boolean {
  return kind === 'Pod' && stringAt(metadata, 'uid') !== undefined;
}

/** Made by a Deployment or CronJob, which is the workload. */
function isRevision({ kind, hasControllerOwner }: DecidedWorkload['located']): boolean {
  return kind !== 'Pod' && hasControllerOwner;
}

function refuseWithoutPods(): never {
  throw new AppError(
    'USAGE',
    '--pod-uid: no input is a Pod with a UID; give it pods of the cluster: kubectl get pods -o yaml | svidecar render entries - --pod-uid',
  );
}

function resultFor(outcome: DecidedWorkload, surroundings: Surroundings): RegistrationsIn {
  const { document, object, located, decision } = outcome;
  if (decision.kind === 'refused' && !isLivePod(located))
    return { registrations: [], problems: refusals([outcome]), registered: [] };
  try {
    const registrations = registrationsFor(outcome, surroundings);
    return { registrations, problems: [], registered: registrations.length > 0 ? [outcome] : [] };
  } catch (thrown) {
    const error = failureOf(thrown, nameOf(located));
    const place = { source: document.source, line: object.line };
    return { registrations: [], problems: [problemAt(place, error)], registered: [] };
  }
}

function registrationsFor(
  { located, decision }: DecidedWorkload,
  { options, engine, services }: Surroundings,
): readonly Registration[] {
  const { dnsNames, isByPod, podTemplate, ...rest } = options;
  const uid = isByPod ? stringAt(located.metadata, 'uid') : undefined;
  const pod = isByPod ? located.name : podTemplate;
  return registrationsOf(located, {
    ...rest,
    facts: engine,
    hasHelper: isLivePod(located)
      ? hasHelperContainer(located) && !onlyBans(decision)
      : 'status' in decision && needsIdentityOf(decision.status),
    hasOwnEnvoy: 'status' in decision && bringsEnvoy(decision.status),
    ...(uid === undefined ? {} : { podUid: uid }),
    dnsNames: { templates: dnsNames, pod, services },
  });
}

/** Such a helper needs no identity. */
function onlyBans(decision: DecidedWorkload['decision']): boolean {
  return (
    'status' in decision &&
    decision.status.helper !== undefined &&
    !needsIdentityOf(decision.status)
  );
}

function hasHelperContainer({ template }: DecidedWorkload['located']): boolean {
  const spec = objectAt(template, 'spec');
  return [...listAt(spec, 'containers'), ...listAt(spec, 'initContainers')].some(
    (each) => isObject(each) && each['name'] === helperContainer,
  );
}

/** @param defaultNamespace of those that name none */
function servicesIn(
  documents: readonly ManifestDocument[],
  defaultNamespace: string,
): readonly KnownService[] {
  return documents
    .flatMap(({ objects }) => objects.map(({ value }) => value))
    .filter((value) => value['kind'] === 'Service' && value['apiVersion'] === 'v1')
    .map((value) => {
      const metadata = objectAt(value, 'metadata');
      return {
        namespace: namespaceIn(metadata) ?? defaultNamespace,
        name: stringAt(metadata, 'name') ?? '',
        selector: objectAt(objectAt(value, 'spec'), 'selector'),
      };
    });
}
