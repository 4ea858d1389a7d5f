/**
 * Which Kubernetes Events should exist for the workloads of a namespace, and the name of each: a function of what is
 * stored, so every replica wants the same ones, and one that was written is not written again.
 */
import type { StoredVerdict } from '../admission/judge.ts';
import { hash } from 'node:crypto';
import { withoutTail } from '#kernel/text.ts';
import { kindNamed } from '../objects/kinds.ts';
import type { NamespaceStanding } from '../request/namespace-standing.ts';
import { traceText, type TraceStep, type StepId } from '../injection/trace.ts';
import type {
  ConfigMapUser,
  DesiredConfigMap,
  OwnerReference,
  ConfigMapProblem,
  ProblemReason,
} from './desired.ts';
import type { RegistrationProblem, RegistrationReason } from './registrations.ts';

/** Stable API: `kubectl get events --field-selector reason=…`, and a metric's label. */
export type EventReason =
  | 'ConfigMapRestored'
  | 'EnvoyConfigDoubtful'
  | 'EnvoyConfigRendered'
  | 'EnvoyFilterRestored'
  | 'Injected'
  | 'NotInjected'
  | 'Refused'
  | 'Skipped'
  | ProblemReason
  | RegistrationReason;

export interface DesiredEvent {
  readonly namespace: string;
  readonly regarding: OwnerReference;
  /** The ConfigMap that it is about, if any. */
  readonly related?: OwnerReference;
  readonly type: 'Normal' | 'Warning';
  readonly reason: EventReason;
  /** What svidecar did, or tried to do. */
  readonly action: 'Inject' | 'Register' | 'Render';
  readonly note: string;
}

/** An object whose pods carry our status. */
export interface Injected {
  /** The workload that people know: the topmost controller. */
  readonly workload: OwnerReference;
  /** Changed a short while ago: what was done to it is reported. */
  readonly isNews: boolean;
  readonly summary: string;
}

export interface Asker {
  readonly self: OwnerReference;
  readonly verdict: StoredVerdict;
}

/** What is stored about one namespace. */
export interface EventFacts {
  readonly namespace: string;
  /** Value of the namespace's label. */
  readonly injection: string | undefined;
  readonly standing: NamespaceStanding;
  readonly injected: readonly Injected[];
  readonly askers: readonly Asker[];
  readonly problems: readonly ConfigMapProblem[];
  readonly registrations: readonly RegistrationProblem[];
}

/** Bytes; @see events.k8s.io/v1 Event: note */
const maxNoteBytes = 1_024;
/** @see RFC 1123 subdomain */
const maxNameLength = 253;

/** All events that should exist now, each once. */
export function desiredEvents(facts: EventFacts): readonly DesiredEvent[] {
  const { namespace, standing, injected, askers, problems, registrations } = facts;
  const events = [
    ...(standing === 'acts' ? [] : injected.map((each) => unattendedEvent(facts, each))),
    ...injected
      .filter(({ isNews }) => standing === 'acts' && isNews)
      .map((each) => injectedEvent(namespace, each)),
    ...askers.flatMap((asker) => askerEvents(facts, asker)),
    ...problems.flatMap((problem) => problemEvents(namespace, problem)),
    ...registrations.flatMap((problem) => registrationEvents(namespace, problem)),
  ];
  return [...new Map(events.map((event) => [eventName(event), event])).values()];
}

/** Warnings of one rendering that have an event each. */
const maxWarnings = 8;

/** Reports that a derived ConfigMap was written, and what it may leave open, to those whose pods mount it. */
export function renderedEvents(
  configMap: DesiredConfigMap | Omit<DesiredConfigMap, 'data'>,
  written: {
    readonly changes: readonly string[];
    readonly warnings: readonly string[];
    readonly sourceVersion: string;
    readonly uid: string;
  },
): readonly DesiredEvent[] {
  const { namespace, name, users, owners } = configMap;
  const source = owners[0]?.name ?? '';
  const sentences = [
    `wrote ${name} from ConfigMap ${source}, version ${written.sourceVersion}`,
    ...written.changes,
  ];
  const note = traceText(sentences.map((message) => step('envoy_config_patched', message)));
  const related = { apiVersion: 'v1', kind: 'ConfigMap', name, uid: written.uid };
  const doubts = doubtNotes(written.warnings);
  return workloadsOf(users).flatMap((regarding): readonly DesiredEvent[] => {
    const about = { namespace, regarding, related, action: 'Render' } as const;
    return [
      { ...about, type: 'Normal', reason: 'EnvoyConfigRendered', note },
      ...doubts.map((doubt): DesiredEvent => {
        return { ...about, type: 'Warning', reason: 'EnvoyConfigDoubtful', note: doubt };
      }),
    ];
  });
}

/** Admission cannot tell the author of a changed ConfigMap anything, as it is not called. */
function doubtNotes(warnings: readonly string[]): readonly string[] {
  const more = warnings.length - maxWarnings;
  const rest = more > 0 ? [`${more} more warnings; svidecar explain shows all of them`] : [];
  return [...warnings.slice(0, maxWarnings), ...rest].map((message) =>
    traceText([step('envoy_warning', message)]),
  );
}

/** Reports repaired settings, which were not what their name stands for, to those whose pods mount them. */
export function restoredEvents(
  configMap: Omit<DesiredConfigMap, 'data'>,
  uid: string,
): readonly DesiredEvent[] {
  const { namespace, name, users } = configMap;
  const message =
    `ConfigMap ${name} did not hold the settings that its name stands for: it had been changed. It was created again; ` +
    'pods that started meanwhile may run with the other settings: restart them (kubectl rollout restart), and see who may write ConfigMaps here';
  const note = traceText([step('configmap_restored', message)]);
  const related = { apiVersion: 'v1', kind: 'ConfigMap', name, uid };
  return workloadsOf(users).map((regarding) => {
    const reason = 'ConfigMapRestored';
    return { namespace, regarding, related, type: 'Warning', reason, action: 'Render', note };
  });
}

/** The same for the same contents: a second writer finds it there. */
export function eventName({ namespace, regarding, reason, note }: DesiredEvent): string {
  const text = JSON.stringify([namespace, regarding.kind, regarding.uid, reason, note]);
  const suffix = `.svidecar.${hash('sha256', text, 'hex').slice(0, 32)}`;
  return withoutTail(regarding.name.slice(0, maxNameLength - suffix.length), '.-') + suffix;
}

/** At most as long as the API server accepts. */
export function clippedNote(note: string): string {
  const bytes = Buffer.from(note);
  if (bytes.length <= maxNoteBytes) return note;
  // Three bytes for the ellipsis; a character that is cut in two becomes U+FFFD, and is removed.
  const kept = bytes.subarray(0, maxNoteBytes - 3).toString();
  return `${kept.replace(/\uFFFD+$/, '')}…`;
}

function injectedEvent(namespace: string, { workload, summary }: Injected): DesiredEvent {
  const note = traceText([step('injected', `injected ${summary}`)]);
  return {
    namespace,
    regarding: workload,
    type: 'Normal',
    reason: 'Injected',
    action: 'Inject',
    note,
  };
}

function askerEvents(facts: EventFacts, { self, verdict }: Asker): readonly DesiredEvent[] {
  const { namespace, injection, standing } = facts;
  const warning = (reason: EventReason, note: string): readonly DesiredEvent[] => [
    { namespace, regarding: self, type: 'Warning', reason, action: 'Inject', note },
  ];
  if (verdict.kind === 'skipped') return warning('Skipped', verdict.trace);
  if (standing === 'not_labelled') return warning('Skipped', notLabelled(namespace, verdict.trace));
  if (verdict.kind === 'refused') return warning('Refused', verdict.trace);
  // With `pod` the workload stays as it is, and its pods are injected.
  if (injection === 'pod' && self.kind !== 'Pod') return [];
  return warning('NotInjected', storedWithout(self, verdict.trace));
}

/** Its status may be forged, or from a backup: none of its text is repeated. */
function unattendedEvent(
  { namespace, standing }: EventFacts,
  { workload }: Injected,
): DesiredEvent {
  const why =
    standing === 'ignored'
      ? step('namespace_ignored', `namespace ${namespace} is never touched (ignoredNamespaces)`)
      : step(
          'namespace_not_labelled',
          `namespace ${namespace} does not have the label svidecar.dev/injection: kubectl label namespace ${namespace} svidecar.dev/injection=enabled`,
        );
  const message =
    'it has the annotation svidecar.dev/status, but its ConfigMaps are neither created, changed nor removed: existing ones stay as they are';
  const note = traceText([why, step('configmaps_unattended', message)]);
  const reason = 'Skipped';
  return { namespace, regarding: workload, type: 'Warning', reason, action: 'Render', note };
}

function notLabelled(namespace: string, trace: string): string {
  const message =
    `namespace ${namespace} does not have the label svidecar.dev/injection, so svidecar is not called for its workloads: ` +
    `kubectl label namespace ${namespace} svidecar.dev/injection=enabled, then apply the workload again`;
  return `${traceText([step('namespace_not_labelled', message)])}\n${trace}`;
}

function storedWithout(self: OwnerReference, trace: string): string {
  const message =
    `this ${self.kind} was stored without what it asks for: svidecar did not answer at the time, or the namespace was labelled later; ` +
    'apply it again. Meanwhile its new pods are injected, or refused';
  return `${traceText([step('stored_without', message)])}\n${trace}`;
}

const stepOf: Readonly<Record<ProblemReason, StepId>> = {
  ConfigMapRefused: 'configmap_refused',
  ConfigMapTaken: 'configmap_taken',
  EnvoyConfigInvalid: 'envoy_config_invalid',
  EnvoyConfigMissing: 'envoy_config_awaited',
  EnvoyFilterImpossible: 'envoy_filter_impossible',
  EnvoyFilterRefused: 'envoy_filter_refused',
  EnvoyFilterTaken: 'envoy_filter_taken',
  StatusInvalid: 'status_invalid',
};

function problemEvents(
  namespace: string,
  { reason, message, users }: ConfigMapProblem,
): readonly DesiredEvent[] {
  const note = traceText([step(stepOf[reason], message)]);
  return workloadsOf(users).map((regarding) => {
    return { namespace, regarding, type: 'Warning', reason, action: 'Render', note };
  });
}

const registrationStepOf: Readonly<Record<RegistrationReason, StepId>> = {
  FederationAwaited: 'federation_awaited',
  RegistrationAwaited: 'registration_awaited',
  RegistrationForeign: 'registration_foreign',
  RegistrationRefused: 'registration_refused',
};

function registrationEvents(
  namespace: string,
  { reason, message, workloads }: RegistrationProblem,
): readonly DesiredEvent[] {
  const note = traceText([step(registrationStepOf[reason], message)]);
  // What others have registered is registered.
  const type = reason === 'RegistrationForeign' ? 'Normal' : 'Warning';
  return workloads.map((regarding) => {
    return { namespace, regarding, type, reason, action: 'Register', note };
  });
}

/** Each once, however many pods it has. */
export function workloadsOf(users: readonly ConfigMapUser[]): readonly OwnerReference[] {
  return [...new Map(users.filter(isLive).map(({ owner }) => [owner.uid, owner])).values()];
}

/** A ReplicaSet that its controller keeps for a rollback has no pods; the pods of others are users themselves. */
export function isLive({ kind, name, owner }: ConfigMapUser): boolean {
  const isRevision = kindNamed(kind)?.revisionOf !== undefined;
  return !isRevision || (owner.kind === kind && owner.name === name);
}

function step(id: StepId, message: string): TraceStep {
  return { id, message, level: 'warning' };
}
