/** The pods of a workload, its events, and what can be done about it: objects of the API become rows of a page. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import { nameOf } from '../checks/facts.ts';
import { kindNamed } from '../objects/kinds.ts';
import { injectKey, templatesKey } from '../request/metadata-keys.ts';
import { clusterFlags, quoted, type CommandTarget } from './action-commands.ts';
import type {
  ConsoleCommand,
  CoverageStatus,
  EventView,
  HookStanding,
  OfferedAction,
  PodView,
  WorkloadRow,
} from './console-model.ts';
import { isInVain } from './coverage-status.ts';
import { seenOf } from './judge-workload.ts';
import { withoutSecrets } from './hide-secrets.ts';

/** Events that a page shows of one workload. */
const maxEvents = 100;

/** @see core/v1 Pod */
export function podView(pod: JsonObject): PodView {
  const status = objectAt(pod, 'status');
  const containers = listAt(status, 'containerStatuses').filter(isObject);
  const node = stringAt(objectAt(pod, 'spec'), 'nodeName');
  const startedS = secondsOf(stringAt(status, 'startTime'));
  return {
    name: nameOf(pod),
    phase: waitingReason(containers) ?? stringAt(status, 'phase') ?? 'Unknown',
    isReady: isReadyPod(pod),
    restarts: containers.reduce((sum, each) => sum + numberAt(each, 'restartCount'), 0),
    ...(node === undefined ? {} : { node }),
    ...(startedS === undefined ? {} : { startedS }),
    injection: injectionOf(pod),
  };
}

/** @see core/v1 PodCondition */
export function isReadyPod(pod: JsonObject): boolean {
  return listAt(objectAt(pod, 'status'), 'conditions').some(
    (each) => isObject(each) && each['type'] === 'Ready' && each['status'] === 'True',
  );
}

function injectionOf(pod: JsonObject): PodView['injection'] {
  const seen = seenOf({ apiVersion: 'v1', kind: 'Pod', ...pod });
  if (seen?.isInjected === true) return 'injected';
  return seen?.asks === true ? 'missing' : 'not_asked';
}

function waitingReason(containers: readonly JsonObject[]): string | undefined {
  return containers
    .map((each) => stringAt(objectAt(objectAt(each, 'state'), 'waiting'), 'reason'))
    .find((reason) => reason !== undefined);
}

/** Newest first. Both APIs of events have these members. @see core/v1 Event, events.k8s.io/v1 Event */
export function eventViews(events: readonly JsonObject[]): readonly EventView[] {
  return events
    .map(eventView)
    .toSorted((one, other) => (other.lastS ?? 0) - (one.lastS ?? 0))
    .slice(0, maxEvents);
}

function eventView(event: JsonObject): EventView {
  const about = objectAt(event, 'involvedObject');
  const series = objectAt(event, 'series');
  const lastS = secondsOf(
    stringAt(series, 'lastObservedTime') ??
      stringAt(event, 'lastTimestamp') ??
      stringAt(event, 'eventTime'),
  );
  return {
    type: event['type'] === 'Warning' ? 'Warning' : 'Normal',
    reason: stringAt(event, 'reason') ?? '',
    message: withoutSecrets(stringAt(event, 'message') ?? ''),
    count: Math.max(1, numberAt(series, 'count'), numberAt(event, 'count')),
    ...(lastS === undefined ? {} : { lastS }),
    about: `${stringAt(about, 'kind') ?? ''}/${stringAt(about, 'name') ?? ''}`,
  };
}

/** How to have it without svidecar again: in the cluster, and in the files that it comes from. */
export function undoOf(row: WorkloadRow, target: CommandTarget): readonly ConsoleCommand[] {
  const kind = kindNamed(row.kind);
  if (row.status === 'not_asked' || kind === undefined) return [];
  const flags = clusterFlags(target);
  const what = `${quoted(`${row.kind.toLowerCase()}/${row.name}`)} -n ${quoted(row.namespace)}${flags}`;
  const manifests: ConsoleCommand = {
    words:
      'take what was injected out of its manifests, byte for byte; write their file or folder in place of MANIFESTS',
    command: `svidecar uninject MANIFESTS | kubectl apply -f -${flags}`,
  };
  const path = kind.templatePath;
  if (path.length === 0) return [manifests];
  const patchOf = (annotations: JsonObject): string =>
    JSON.stringify(
      path
        .toReversed()
        .reduce<object>((inner, key) => ({ [key]: inner }), { metadata: { annotations } }),
    );
  return [
    {
      words: `opt out: the webhook takes out what was injected, and leaves it alone while ${injectKey} says "false"`,
      command: `kubectl patch ${what} --type merge -p '${patchOf({ [injectKey]: 'false' })}'`,
    },
    {
      words: `ask for nothing any more: without ${templatesKey} the webhook takes it out as well`,
      command: `kubectl patch ${what} --type merge -p '${patchOf({ [templatesKey]: null })}'`,
    },
    manifests,
  ];
}

/** A restart makes its pods anew, and has its template looked at by the webhook. */
const restartable: ReadonlySet<CoverageStatus> = new Set(['stale', 'missing']);

/** Why not, is the row's to say. @param hooks without any of ours a restart changes nothing */
export function offeredActions(row: WorkloadRow, hooks: HookStanding): readonly OfferedAction[] {
  const isOffered =
    kindNamed(row.kind)?.isRestartable === true &&
    restartable.has(row.status) &&
    hooks !== 'none' &&
    !isInVain(row);
  if (!isOffered) return [];
  const { namespace, kind, name } = row;
  return [
    {
      action: { kind: 'restart', namespace, workloadKind: kind, name },
      label: 'Restart',
      why: row.why?.message ?? 'its pods are made anew',
    },
  ];
}

function numberAt(object: JsonObject, key: string): number {
  const value = own(object, key);
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

function secondsOf(time: string | undefined): number | undefined {
  const ms = Date.parse(time ?? '');
  return Number.isNaN(ms) ? undefined : ms / 1_000;
}
