/**
 * What happens to one object, and why: the same decision for the webhook and for the CLI.
 * The decision is a value; its trace lists every step.
 */
import { AppError, type ErrorCode, type ErrorFacts } from '#kernel/errors.ts';
import { isObject, objectAt, type Json, type JsonObject, sameJson } from '#kernel/json.ts';
import { pointer, type Operation } from '../editing/operation.ts';
import { asksForNothing, readRequest, type Request } from '../request/read-annotations.ts';
import { boundsFault } from '../request/bounds.ts';
import { isOurs, statusKey, templatesKey } from '../request/metadata-keys.ts';
import {
  inject,
  isComplete,
  isCompleteButForAnnotations,
  putBack,
  uninject,
  type Engine,
} from '../injection/inject.ts';
import { proxyIn } from '../injection/istio-marks.ts';
import { locate, type Located } from '../request/locate.ts';
import { statusOf, summaryOf, type Status } from '../injection/status.ts';
import { strayKeys } from '../request/stray-keys.ts';
import { Trace, type TraceStep } from '../injection/trace.ts';
import type { EnvoyCheck } from './check-envoy.ts';
import { otherRevision, type OwnRevision } from './other-revision.ts';
import { outsideReason, type Outside, type SkipReason } from './outside.ts';
import { refuseTaken, type ReadHeld } from './taken-names.ts';
import { lookupFault } from '../injection/status-bounds.ts';

interface Told {
  readonly steps: readonly TraceStep[];
}
export type Decision =
  | (Told & { readonly kind: 'skipped'; readonly reason: SkipReason })
  | (Told & {
      readonly kind: 'unchanged';
      readonly status: Status;
      /** Restores what the update had reset; usually empty. */
      readonly operations: readonly Operation[];
    })
  | (Told & {
      readonly kind: 'injected';
      readonly status: Status;
      readonly operations: readonly Operation[];
    })
  | (Told & { readonly kind: 'uninjected'; readonly operations: readonly Operation[] })
  | (Told & Refusal & { readonly kind: 'refused' });

interface Refusal {
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;
  /** What is wrong and what to do, without the object's name. */
  readonly why: string;
  /** With the object's name. */
  readonly message: string;
}

export interface DecisionContext {
  readonly engine: Engine;
  readonly checkEnvoy: EnvoyCheck;
  /** Keys of a ConfigMap; undefined where it is not there, or not known. */
  readonly configMapKeys: (namespace: string, name: string) => readonly string[] | undefined;
  /** What exists under the names that pods would mount. */
  readonly heldConfigMap: ReadHeld;
  /** Namespaces that are never touched. */
  readonly ignoredNamespaces: ReadonlySet<string>;
  /** Absent: whoever is chosen would decide the same. */
  readonly revision?: OwnRevision | undefined;
  /** The object's namespace, when it does not name one itself. */
  readonly namespace: string;
  /** The object before an update. */
  readonly before?: JsonObject | undefined;
}

/** What every step of a decision needs. */
interface DecisionScope {
  readonly context: DecisionContext;
  /** The object before an update, where it had a pod template. */
  readonly before: Located | undefined;
  readonly trace: Trace;
}

/** Expected failures are refusals; only a bug of ours throws. */
export function decide(object: JsonObject, context: DecisionContext): Decision {
  const trace = new Trace();
  const located = locate(object, context.namespace);
  if (located === undefined) {
    trace.say('object_unknown', 'objects of this kind have no pod template');
    return { kind: 'skipped', reason: 'object_unknown', steps: trace.steps };
  }
  const before =
    context.before === undefined ? undefined : locate(context.before, context.namespace);
  try {
    return decideLocated(located, { context, before, trace });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error.code === 'STATUS_NEWER' && isNoChange(located, before))
      return skip('status_newer', error.message, trace);
    const { code, facts, message: why } = error;
    const message = `${nameOf(located)}: ${why}`;
    trace.warn('refused', message, facts.key);
    return { kind: 'refused', code, facts, why, message, steps: trace.steps };
  }
}

/** How messages name an object: `Deployment shop/frontend`. */
export function nameOf(located: Located): string {
  return `${located.kind} ${located.namespace}/${located.name}`;
}

function decideLocated(located: Located, scope: DecisionScope): Decision {
  const { context, before, trace } = scope;
  warnOfStray(located, trace);
  const lost = lostStatus(located, before);
  if (lost === undefined && !isAddressed(located.template))
    return skip('not_requested', 'nothing was asked for', trace);
  const others =
    context.revision === undefined ? undefined : otherRevision(located, context.revision);
  if (others !== undefined) return skip(others.reason, others.message, trace);
  // Before any annotation is judged: an object that will not be touched must not be refused either.
  const outside = outsideReason(located, {
    ignoredNamespaces: context.ignoredNamespaces,
    isUpdate: context.before !== undefined,
  });
  if (outside !== undefined) return skipOutside(outside, located, scope);
  refuseUnbounded(located);
  const status = lost ?? statusOf(located.template);
  const request = readRequestOf(located, status);
  if (request.kind === 'templates') return decideTemplates(located, { ...scope, request, status });
  if (request.kind === 'settings-only') {
    trace.warn(
      'annotations_without_templates',
      `${request.keys.join(', ')} has no effect without ${templatesKey}, e.g. ${templatesKey}: jwt-inject`,
      request.keys[0],
    );
  }
  if (status === undefined) {
    return skip('opted_out', 'no template is asked for', trace);
  }
  return takenBack(located, status, trace);
}

/** @throws {AppError} POD_UNFIT */
function refuseUnbounded({ template }: Located): void {
  if (asksForNothing(template) && !hasStatus(template)) return;
  const fault = boundsFault(template);
  if (fault === undefined) return;
  throw new AppError(
    'POD_UNFIT',
    `${fault}; make that smaller, or opt this pod out with svidecar.dev/inject: "false"`,
  );
}

/**
 * The status that an update takes away while what it names stays: `kubectl apply` of a manifest that has lost its last
 * annotation removes the whole map, ours with it.
 */
function lostStatus(located: Located, before: Located | undefined): Status | undefined {
  if (hasStatus(located.template)) return undefined;
  const status = before === undefined ? undefined : readableStatus(before);
  if (status === undefined || lookupFault(status.undo, located.template) !== undefined)
    return undefined;
  return isCompleteButForAnnotations(located.template, status) ? status : undefined;
}

function takenBack(located: Located, status: Status, trace: Trace): Decision {
  const operations = at(located, uninject(located.template, status));
  trace.say('uninjected', `removed what ${status.templates.join(', ')} had added`);
  return { kind: 'uninjected', operations, steps: trace.steps };
}

/** Whether any annotation of the template is ours, be it right or wrong. */
function isAddressed(template: JsonObject): boolean {
  return Object.keys(objectAt(objectAt(template, 'metadata'), 'annotations')).some(isOurs);
}

function hasStatus(template: JsonObject): boolean {
  return objectAt(objectAt(template, 'metadata'), 'annotations')[statusKey] !== undefined;
}

/** Reasons that need no warning to the user. */
const silentReasons: ReadonlySet<SkipReason> = new Set([
  'not_requested',
  'other_revision',
  'opted_out',
  'being_deleted',
  'controller_owned',
  'immutable',
]);

function skip(reason: SkipReason, message: string, trace: Trace): Decision {
  // No message where nothing was asked for; a reason where something was.
  if (silentReasons.has(reason)) trace.say(reason, message);
  else trace.warn(reason, message);
  return { kind: 'skipped', reason, steps: trace.steps };
}

function skipOutside(
  { reason, message }: Outside,
  located: Located,
  scope: DecisionScope,
): Decision {
  const { trace } = scope;
  const status = readableStatus(located);
  if (reason === 'host_network' && status !== undefined) {
    // It became a hostNetwork pod after its injection: on the node's network anybody could call the helper.
    trace.warn(reason, message);
    return takenBack(located, status, trace);
  }
  const settled =
    reason === 'immutable' && status !== undefined ? settle(located, status, scope) : undefined;
  if (settled !== undefined) return settled;
  return asksForNothing(located.template)
    ? skip('opted_out', message, trace)
    : skip(reason, message, trace);
}

/** The status where nothing may be refused: a damaged one counts as none. */
function readableStatus(located: Located): Status | undefined {
  try {
    return statusOf(located.template);
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}

/** An injected object whose annotations are gone is uninjected, not refused. */
function readRequestOf(located: Located, status: Status | undefined): Request {
  const request = readRequest(located.template);
  return request.kind === 'none' && status !== undefined ? { kind: 'opted-out' } : request;
}

function warnOfStray(located: Located, trace: Trace): void {
  // The API server copies annotations and labels to what a controller makes: the user was warned already.
  if (located.hasControllerOwner) return;
  for (const { id, message, key } of strayKeys(located)) trace.warn(id, message, key);
}

interface TemplateRequest extends DecisionScope {
  readonly request: Extract<Request, { kind: 'templates' }>;
  readonly status: Status | undefined;
}

function decideTemplates(located: Located, asked: TemplateRequest): Decision {
  const { request, status, context, trace } = asked;
  trace.say('templates_requested', `${templatesKey}: ${request.names.join(', ')}`);
  const settled = status === undefined ? undefined : settle(located, status, asked);
  if (settled !== undefined && status !== undefined) {
    requireOwnNames(located, status, { context, isChange: false });
    return settled;
  }
  const { operations, status: next } = inject(
    located,
    { ...request, previous: status },
    {
      engine: context.engine,
      trace,
      keysOf: (name) => context.configMapKeys(located.namespace, name),
    },
  );
  if (next.envoy !== undefined) {
    const subject = { template: located.template, plan: next.envoy, status: next };
    context.checkEnvoy(located.namespace, subject, trace);
  }
  requireOwnNames(located, next, { context, isChange: operations.length > 0 });
  if (operations.length === 0) {
    trace.say('unchanged', 'the pod template already has everything that was asked for');
    return { kind: 'unchanged', status: next, operations, steps: trace.steps };
  }
  trace.say('injected', `injected ${summaryOf(next)}`);
  return {
    kind: 'injected',
    status: next,
    operations: at(located, operations),
    steps: trace.steps,
  };
}

/** @throws {AppError} CONFIGMAP_TAKEN where a pod is about to start, or a template to be injected, over a ConfigMap that is not its own */
function requireOwnNames(
  { kind, namespace }: Located,
  status: Status,
  { context, isChange }: { readonly context: DecisionContext; readonly isChange: boolean },
): void {
  const isPod = kind === 'Pod';
  // A pod's mounts cannot change, and an existing workload needs no new refusal: its pods are judged one by one.
  if (isPod ? context.before !== undefined : !isChange) return;
  refuseTaken(status, { namespace, isPod, read: context.heldConfigMap });
}

/** Leaves an injected template as it is, without reading the configuration, where nobody asked for a change. */
function settle(
  located: Located,
  status: Status,
  { before, trace }: DecisionScope,
): Decision | undefined {
  if (!isComplete(located.template, status)) return undefined;
  const { template, operations } = putBack(located.template, status);
  const unchanged = (): Decision => {
    return { kind: 'unchanged', status, operations: at(located, operations), steps: trace.steps };
  };
  // What another injector adds is in the pod, not in its controller's template.
  const isSettled = status.awaits === undefined && !isIstios(located, status);
  if (located.hasControllerOwner && isSettled) {
    trace.say('controller_owned', "its controller's template was injected already");
    return unchanged();
  }
  if (before === undefined) return undefined;
  if (!sameJson(specAndMetadata(before.template), specAndMetadata(template))) return undefined;
  trace.say('template_unchanged', 'the update does not touch the pod template');
  return unchanged();
}

/** Istio's injector changes each pod anew, also what is ours in it. */
function isIstios({ kind, template }: Located, { helper, envoy }: Status): boolean {
  const isWithHelper = helper !== undefined && proxyIn(template) !== undefined;
  return kind === 'Pod' && (envoy?.istio !== undefined || isWithHelper);
}

/** Whether nobody asks for a changed pod template: a controller made it, or the update does not touch it. */
function isNoChange(located: Located, before: Located | undefined): boolean {
  if (located.hasControllerOwner) return true;
  return (
    before !== undefined &&
    sameJson(specAndMetadata(before.template), specAndMetadata(located.template))
  );
}

/** What a pod template consists of; a Pod also has a status and more metadata. */
function specAndMetadata(template: Json): Json {
  const whole = isObject(template) ? template : {};
  const { annotations, labels } = objectAt(whole, 'metadata');
  return [whole['spec'] ?? null, annotations ?? null, labels ?? null];
}

function at(located: Located, operations: readonly Operation[]): readonly Operation[] {
  const prefix = pointer(...located.path);
  return operations.map((operation) => ({ ...operation, path: prefix + operation.path }));
}
