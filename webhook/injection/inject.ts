/**
 * The injection engine: a pod template becomes an injected one, and back. The same object and configuration give
 * the same answer for every caller: webhook, CLI or test.
 */
import { AppError } from '#kernel/errors.ts';
import { listAt, objectAt, stringAt, type Json, type JsonObject, sameJson } from '#kernel/json.ts';
import { pointerTokens, type Operation } from '../editing/operation.ts';
import { federationOf } from '../request/federation.ts';
import type { Settings } from '../request/read-annotations.ts';
import type { Composition } from './compose.ts';
import type { EngineMemory } from './engine-memory.ts';
import {
  annotationKey,
  settingKeys,
  statusKey,
  type SettingKey,
} from '../request/metadata-keys.ts';
import type { PodSurroundings } from './envoy-location.ts';
import { planEnvoy, type PlannedEnvoy } from './envoy-plan.ts';
import { refuseBesideIstio, refuseBesideOwn, tellBesideOwn } from './beside-own-envoy.ts';
import { refuseUnusedPorts, sharedAudience, type OwnEnvoy } from './own-envoy.ts';
import { withRegistrationLabels } from './registration-labels.ts';
import { besideIstio, withIstio, type PlannedIstio } from './istio-envoy.ts';
import { istioIn } from './istio-in-pod.ts';
import { withMergedVolumes } from './completions.ts';
import { fit } from './fit.ts';
import { changeAt, covers, find } from './keyed.ts';
import type { Library, NamedTemplate } from '../templates/library.ts';
import type { Located } from '../request/locate.ts';
import { refuseChangedLabels } from './refuse-own-labels.ts';
import { refuseLongStatus, refuseUnfit } from './refuse-unfit.ts';
import { refuseWindows } from './refuse-windows.ts';
import { requireEnvoy } from './require-envoy.ts';
import {
  nothingDone,
  nothingWanted,
  reconcile,
  replaceAt,
  undoOf,
  type Replacement,
  type WantedTemplate,
} from './reconcile.ts';
import { isSameInjection, statusText, strip, type Status } from './status.ts';
import { tellOfFederation, verifiedBy } from './tell-of-federation.ts';
import type { Trace } from './trace.ts';
import { tellOfDeprecated } from './tell-of-deprecated.ts';
import { tellOfUnread } from './unread-settings.ts';
import type { Deprecation } from '../request/deprecations.ts';
import { variablesFor, type EngineFacts } from '../request/variables.ts';

export interface Engine extends EngineFacts {
  readonly library: Library;
  readonly memory: EngineMemory;
  /** Whether the cluster knows Istio's EnvoyFilters; undefined: it is assumed. */
  readonly hasEnvoyFilters?: boolean | undefined;
  /** svidecar's own version: part of the status. */
  readonly version: string;
  /** Absent: this version's. */
  readonly deprecations?: readonly Deprecation[];
  /** Of the installation; absent for the one without a name. */
  readonly revision?: string | undefined;
}

export interface Injection {
  /** Relative to the pod template; empty when everything is already there. */
  readonly operations: readonly Operation[];
  readonly status: Status;
}

export interface InjectionRequest {
  readonly names: readonly string[];
  readonly settings: Settings;
  /** The status that is in the template now. */
  readonly previous: Status | undefined;
}

export interface InjectionContext {
  readonly engine: Engine;
  readonly trace: Trace;
  /** Of the ConfigMaps in the object's namespace. */
  readonly keysOf: PodSurroundings['keysOf'];
}

/** @throws {AppError} with the code of whatever is wrong with the request or the pod */
export function inject(
  located: Located,
  request: InjectionRequest,
  { engine, trace, keysOf }: InjectionContext,
): Injection {
  const { previous, settings } = request;
  const { claims, selector, template: current } = located;
  const { original, theirs, templates, composition } = prepared(located, request, engine);
  const asked = { templates, composition, settings, trace, engine };
  tellOfRules(original, asked);
  tellOfUnread(settings, composition, asked);
  tellOfDeprecated(request, asked);
  const around = envoyFor(original, { ...asked, surroundings: { claims, keysOf } });
  const wanted = fit(original, around.fitted, { ...around, trace, settings, claims });
  refuseUnfit(original, wanted, { ...engine, composition: around.fitted, selector });
  const { undo, kept, lacking } = undoOf(original, wanted, engine.memory.markOf);
  for (const path of kept) trace.say('user_value_kept', `${shownPath(path)} stays as it is`);
  const status: Status = {
    version: engine.version,
    ...(engine.revision === undefined ? {} : { revision: engine.revision }),
    templates: templates.map((template) => template.name),
    ...usedBy(composition, around.envoy, wanted),
    undo,
  };
  const text = statusText(status);
  refuseLongStatus(original, text);
  const isKept = previous !== undefined && isSameInjection(previous, status);
  const operations = reconcile({
    current,
    wanted,
    undo,
    previous: previous?.undo,
    theirs,
    status: isKept ? standingStatus(current) : text,
    lacking: current === original ? lacking : undefined,
  });
  refuseChangedLabels(current, { wanted, operations });
  return { operations, status };
}

/** What is asked for, and the pod template as it would be had we never been there. */
function prepared(
  located: Located,
  request: InjectionRequest,
  engine: Engine,
): Pick<EnvoyQuestion, 'templates' | 'composition'> & {
  readonly original: JsonObject;
  readonly theirs: readonly string[];
} {
  const { previous, settings } = request;
  const current = located.template;
  const stripped = previous === undefined ? current : strip(current, previous.undo);
  refuseShape(objectAt(stripped, 'spec'));
  const templates = chosenTemplates(request, engine.library);
  const variables = variablesFor({ ...located, template: stripped }, settings, engine);
  const composition = compositionFor(stripped, { templates, variables }, engine);
  const { template: original, theirs } = withMergedVolumes(stripped, current, composition.pod);
  return { original, theirs, templates, composition };
}

function compositionFor(
  original: JsonObject,
  asked: Pick<EnvoyQuestion, 'templates'> & Pick<Composition, 'variables'>,
  { memory, config }: Engine,
): Composition {
  return withRegistrationLabels(memory.compose(asked.templates, asked.variables), original, config);
}

/** The ConfigMaps that an injected pod mounts, and the containers that it cannot do without. */
function usedBy(
  { helper }: Composition,
  envoy: Pick<PlannedEnvoy, 'plan'> | undefined,
  { awaits }: WantedTemplate,
): Pick<Status, 'helper' | 'envoy' | 'awaits'> {
  return {
    ...(helper === undefined ? {} : { helper }),
    ...(envoy === undefined ? {} : { envoy: envoy.plan }),
    ...(awaits.length === 0 ? {} : { awaits: [...awaits] }),
  };
}

function tellOfRules(
  original: JsonObject,
  { composition, trace }: Pick<EnvoyQuestion, 'composition' | 'trace'>,
): void {
  const spiffeId = stringAt(composition.variables, 'spiffeId') ?? '';
  const verified = { ...verifiedBy(composition), spiffeId };
  tellOfFederation(federationOf(original, spiffeId), verified, trace);
  for (const rule of composition.openRules)
    trace.warn(
      'validates_nothing',
      `${rule} lets every path pass without a token (${annotationKey('skip-paths')}: /*), so nothing is validated and anybody may call; name the paths that may go without one, such as /healthz`,
      annotationKey('skip-paths'),
    );
}

/** @throws {AppError} POD_UNFIT for a pod that nothing can be injected into, whatever is asked for */
function refuseShape(spec: JsonObject): void {
  refuseWindows(spec);
  if (listAt(spec, 'containers').length > 0) return;
  throw new AppError(
    'POD_UNFIT',
    'it has no containers; if it is a kustomize patch, run kustomize first: kustomize build <folder> prints the whole object',
  );
}

/** Removes everything that the status names. Operations are relative to the pod template. */
export function uninject(template: JsonObject, status: Status): readonly Operation[] {
  return reconcile({
    current: template,
    wanted: nothingWanted,
    undo: nothingDone,
    previous: status.undo,
    status: undefined,
  });
}

/**
 * Replaces the user's values by ours again where they were reset: `kubectl apply` of the original manifest does that each time.
 * Operations are relative to the pod template; none when nothing was reset.
 */
export function putBack(
  template: JsonObject,
  status: Status,
): { readonly template: Json; readonly operations: readonly Operation[] } {
  let whole: Json = template;
  const operations: Operation[] = [];
  for (const { path, was, now } of status.undo.restored) {
    const found = find(template, path);
    if (found === undefined || !sameJson(found.value, was)) continue;
    operations.push(...replaceAt(found, now));
    whole = changeAt(whole, pointerTokens(path), () => now) ?? whole;
  }
  return { template: whole, operations };
}

/** Whether every part that the status names is still there, and every value that gave way is ours or as it was. */
export function isComplete(template: JsonObject, { undo }: Status): boolean {
  return (
    Object.keys(undo.added).every((path) => find(template, path) !== undefined) &&
    undo.restored.every(({ path, was, now }) => {
      const value = find(template, path)?.value;
      return value !== undefined && (sameJson(value, was) || covers(value, now));
    })
  );
}

/** {@link isComplete} but for annotations, which an update may have taken away as a whole. */
export function isCompleteButForAnnotations(template: JsonObject, status: Status): boolean {
  const added = Object.entries(status.undo.added).filter(
    ([path]) => !path.startsWith('/metadata/annotations'),
  );
  return isComplete(template, {
    ...status,
    undo: { ...status.undo, added: Object.fromEntries(added) },
  });
}

/** `spec.containers[app].env[A]` */
function shownPath(path: string): string {
  const tokens = pointerTokens(path).map((token) => {
    const equals = token.indexOf('=');
    return equals === -1 ? `.${token}` : `[${token.slice(equals + 1)}]`;
  });
  return tokens.join('').slice(1);
}

function standingStatus(template: JsonObject): string | undefined {
  return stringAt(objectAt(objectAt(template, 'metadata'), 'annotations'), statusKey);
}

/** In alphabetical order, so that the order of the annotation does not matter. */
function chosenTemplates(request: InjectionRequest, library: Library): readonly NamedTemplate[] {
  const chosen = new Map<string, NamedTemplate>();
  for (const name of request.names) {
    const template = library.get(name);
    chosen.set(template.name, template);
    for (const alternatives of template.requires)
      requireOne(template.name, alternatives, request.settings);
  }
  return [...chosen.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
}

function requireOne(template: string, alternatives: readonly string[], settings: Settings): void {
  const known = settingKeys.filter((key): key is SettingKey => alternatives.includes(key));
  if (known.some((key) => settings[key] !== undefined)) return;
  throw new AppError(
    'ANNOTATION_INVALID',
    `template ${template} needs the annotation ${known.map(annotationKey).join(' or ')}, next to the templates' own on the pod template`,
    { facts: { key: known[0] === undefined ? undefined : annotationKey(known[0]) } },
  );
}

interface EnvoyQuestion {
  readonly templates: readonly NamedTemplate[];
  readonly composition: Composition;
  readonly settings: Settings;
  readonly surroundings: PodSurroundings;
  readonly trace: Trace;
  readonly engine: Engine;
}

function ownEnvoyIn(
  original: JsonObject,
  own: OwnEnvoy,
  { templates, composition: { variables, callers, helper }, settings, trace }: EnvoyQuestion,
): PlannedEnvoy {
  const spec = objectAt(original, 'spec');
  refuseBesideOwn(spec, own, { hasHelper: helper !== undefined });
  refuseBesideIstio(original, stringAt(settings, 'envoy-container'));
  const { plan } = own;
  const { inbound = [], upstreams = [] } = plan.proxy ?? {};
  trace.say(
    'envoy_added',
    `container "${own.container}" is added: ${inbound.length} ports for other workloads, by mTLS, and ${upstreams.length} workloads that the app calls`,
  );
  // With tokens, open ports are told of with them.
  if (plan.proxy !== undefined)
    tellBesideOwn(spec, plan.proxy, { trace, isToldOfPorts: callers.length > 0 });
  const spread = sharedAudience(plan, variables);
  if (spread !== undefined) trace.warn('envoy_warning', spread);
  requireEnvoy(own, { templates, variables, trace });
  return { plan, serving: undefined, replacements: [], awaits: [] };
}

/** The Envoy that is asked for something, and the composition with what that Envoy needs besides. */
function envoyFor(
  original: JsonObject,
  question: EnvoyQuestion,
): {
  readonly envoy: PlannedEnvoy | PlannedIstio | undefined;
  readonly fitted: Composition;
  readonly replacements: readonly Replacement[];
} {
  const { composition, settings } = question;
  const istio = istioIn(original, question);
  const hint = stringAt(settings, 'envoy-container');
  const { fitted, replacements } = besideIstio(original, composition, hint);
  return istio === undefined
    ? { envoy: envoyOf(original, question), fitted, replacements }
    : { envoy: istio, fitted: withIstio(fitted, istio), replacements };
}

function envoyOf(original: JsonObject, facts: EnvoyQuestion): PlannedEnvoy | undefined {
  const { templates, composition, trace } = facts;
  if (!composition.wantsEnvoy) {
    refuseUnusedPorts(facts.settings);
    return undefined;
  }
  const { variables, ownEnvoy } = composition;
  if (ownEnvoy !== undefined) return ownEnvoyIn(original, ownEnvoy, facts);
  refuseUnusedPorts(facts.settings);
  const { nameHashOf } = facts.engine.memory;
  const envoy = planEnvoy(objectAt(original, 'spec'), { ...facts, nameHashOf });
  const { location } = envoy;
  const { container, isNamed, doubts } = location;
  trace.say(
    'envoy_container_found',
    `container "${container}" reads ${envoy.plan.file} of ConfigMap ${envoy.plan.source}${isNamed ? `, as ${annotationKey('envoy-config')} says` : ''}`,
  );
  for (const doubt of doubts) trace.warn('envoy_config_doubtful', doubt);
  requireEnvoy(location, { templates, variables, trace });
  return envoy;
}
