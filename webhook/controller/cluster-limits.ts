/** Every limit of this room, with where it comes from. */
import { heldStatuses } from '../desired/read-statuses.ts';
import { heldTexts } from '../injection/config-map-contents.ts';
import { defaultApiLimits, type ApiLimits } from '../kube/api-limits.ts';

export interface ClusterLimits extends ApiLimits {
  /** Characters of ConfigMap texts that are held of one namespace, and of all together. */
  readonly namespaceTextBytes: number;
  readonly allTextBytes: number;
  /** Characters of different status annotations that are held of one namespace, and of all together. */
  readonly namespaceStatusChars: number;
  readonly allStatusChars: number;
  /** Milliseconds that events of one namespace are gathered. */
  readonly gatherMs: number;
  /** Looks at a namespace at once after a quiet time, and milliseconds between them when it does not rest. */
  readonly looksAtOnce: number;
  readonly lookEveryMs: number;
  /** The same for lists of a namespace whose label comes and goes. */
  readonly fillsAtOnce: number;
  readonly fillEveryMs: number;
  /** ConfigMaps written or removed in one look, before others have their turn. */
  readonly stepsInALook: number;
  /** Namespaces worked on at once. */
  readonly namespacesAtOnce: number;
  /** Milliseconds that one of our ConfigMaps stays after its last user was seen. */
  readonly graceMs: number;
  /** Milliseconds between checks of every namespace. */
  readonly resyncMs: number;
  /** Milliseconds before a ConfigMap that was changed again is repaired; doubling, up to the last. */
  readonly firstContestMs: number;
  readonly lastContestMs: number;
  /** Milliseconds without a foreign change after which it is put right at once again. */
  readonly contestOverMs: number;
  /** Events written at once after a quiet time, and milliseconds between them when there are more. */
  readonly eventBurst: number;
  readonly eventEveryMs: number;
  /** Events that wait to be written; more are dropped, and wanted again at the next look. */
  readonly eventsWaiting: number;
  /** Of one namespace. */
  readonly eventsWaitingEach: number;
  /** Milliseconds after a change during which what was done is news. */
  readonly newsMs: number;
  /** Milliseconds that a fault must last before an event tells of it. */
  readonly settleMs: number;
  /** Milliseconds after which the event of a fault that lasts is written again. */
  readonly retellMs: number;
}

export const defaultClusterLimits: ClusterLimits = Object.freeze({
  ...defaultApiLimits,
  namespaceTextBytes: heldTexts.ofNamespace,
  allTextBytes: heldTexts.ofAll,
  namespaceStatusChars: heldStatuses.ofNamespace,
  allStatusChars: heldStatuses.ofAll,
  // Short against the second within which a derived ConfigMap must exist; long enough for a kubectl apply of several files.
  gatherMs: 50,
  // A rollout and its echoes; then one check a second, for which others need not wait.
  looksAtOnce: 20,
  lookEveryMs: 1_000,
  fillsAtOnce: 3,
  fillEveryMs: 10_000,
  stepsInALook: 200,
  namespacesAtOnce: 4,
  // Twice the time in which a dead watch is noticed: nothing is removed because a user was overlooked.
  graceMs: 150_000,
  resyncMs: 10 * 60_000,
  // A person's change is undone at once; whoever writes again and again costs one write a minute.
  firstContestMs: 1_000,
  lastContestMs: 60_000,
  contestOverMs: 10 * 60_000,
  // A rollout of one shop at once; then 5 a second, a small part of what any API server takes, whatever happens.
  eventBurst: 50,
  eventEveryMs: 200,
  // About half a kilobyte each.
  eventsWaiting: 1_000,
  eventsWaitingEach: 200,
  // Long enough for a replica that takes over; older changes were reported, or are not reported at all.
  newsMs: 60_000,
  // `kubectl apply` of a folder creates a Deployment some seconds before its ConfigMap at most.
  settleMs: 5_000,
  // The API server forgets events after an hour.
  retellMs: 65 * 60_000,
});
