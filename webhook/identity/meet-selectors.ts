/**
 * Whether a container meets the selectors of an entry: what SPIRE's agent will find out about it, as far as the object tells.
 * @see spire-agent's workload attestor "k8s"
 */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import { isOurs } from '../request/metadata-keys.ts';
import type { Located } from '../request/locate.ts';
import { serviceAccountOf } from '../request/variables.ts';

/** `unjudged`: the object does not say it yet, or this kind of selector is not known here. */
export type SelectorVerdict = 'met' | 'unmet' | 'unjudged';

export interface AskingContainer {
  /** A pod template, or a pod as it runs: that one says everything. */
  readonly located: Located;
  readonly container: string;
}

/** What of an entry's selectors stands against it, and what nobody can tell from here. */
export interface SelectorFit {
  readonly unmet: readonly string[];
  readonly unjudged: readonly string[];
}

export function fitOf(selectors: readonly string[], asker: AskingContainer): SelectorFit {
  const judged = selectors.map((selector) => [selector, judge(selector, asker)] as const);
  const those = (wanted: SelectorVerdict): readonly string[] =>
    judged.filter(([, verdict]) => verdict === wanted).map(([selector]) => selector);
  return { unmet: those('unmet'), unjudged: those('unjudged') };
}

type Judge = (value: string, asker: AskingContainer) => SelectorVerdict;

const judges: Readonly<Record<string, Judge>> = {
  ns: (value, { located }) => equal(value, located.namespace),
  sa: (value, { located }) => equal(value, serviceAccountOf(specOf(located))),
  'container-name': (value, { container }) => equal(value, container),
  'container-image': judgeOwnImage,
  'node-name': (value, { located }) => orOpen(value, stringAt(specOf(located), 'nodeName')),
  'pod-label': judgeLabel,
  'pod-name': judgePodName,
  'pod-uid': (value, { located }) => orOpen(value, isLive(located) ? uidOf(located) : undefined),
  'pod-owner': (value, { located }) => judgeOwner(value, located, 'name'),
  'pod-owner-uid': (value, { located }) => judgeOwner(value, located, 'uid'),
  'pod-image': (value, { located }) => judgeImages(value, statusesOf(located, ordinary)),
  'pod-init-image': (value, { located }) => judgeImages(value, statusesOf(located, initial)),
  'pod-image-count': (value, { located }) => judgeCount(value, located, ordinary),
  'pod-init-image-count': (value, { located }) => judgeCount(value, located, initial),
};

function judge(selector: string, asker: AskingContainer): SelectorVerdict {
  const [type, kind, value] = partsOf(selector);
  const found = type === 'k8s' ? own(judges, kind) : undefined;
  return found === undefined ? 'unjudged' : found(value, asker);
}

/** `k8s:pod-label:app:web` is of type k8s, of kind pod-label, and its value is `app:web`. */
function partsOf(selector: string): readonly [string, string, string] {
  const [type, rest] = halves(selector);
  return [type, ...halves(rest)];
}

function halves(text: string): readonly [string, string] {
  const at = text.indexOf(':');
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function equal(value: string, actual: string): SelectorVerdict {
  return value === actual ? 'met' : 'unmet';
}

/** What is not there yet can become anything. */
function orOpen(value: string, actual: string | undefined): SelectorVerdict {
  return actual === undefined || actual === '' ? 'unjudged' : equal(value, actual);
}

function specOf({ template }: Located): JsonObject {
  return objectAt(template, 'spec');
}

function uidOf({ metadata }: Located): string | undefined {
  return stringAt(metadata, 'uid');
}

/** A pod that the API server has stored: its metadata are final. */
function isLive(located: Located): boolean {
  return located.kind === 'Pod' && uidOf(located) !== undefined;
}

/** What the controllers of Kubernetes put on the pods that they make, and what svidecar does. */
const addedLater =
  /^(pod-template-hash|controller-revision-hash|pod-template-generation|controller-uid|job-name)$|^(batch|apps|statefulset)\.kubernetes\.io\//;

function judgeLabel(value: string, { located }: AskingContainer): SelectorVerdict {
  const [key, wanted] = halves(value);
  const actual = stringAt(objectAt(objectAt(located.template, 'metadata'), 'labels'), key);
  if (actual !== undefined) return equal(wanted, actual);
  const mayCome = !isLive(located) && (addedLater.test(key) || isOurs(key));
  return mayCome ? 'unjudged' : 'unmet';
}

/** Pods that a controller makes are named after it. */
function judgePodName(value: string, { located }: AskingContainer): SelectorVerdict {
  if (located.kind === 'Pod') return equal(value, located.name);
  return value.startsWith(`${located.name}-`) ? 'unjudged' : 'unmet';
}

/** These have objects between them and their pods, named after them. */
const makesThrough: ReadonlyMap<string, string> = new Map([
  ['Deployment', 'ReplicaSet'],
  ['CronJob', 'Job'],
]);

function judgeOwner(value: string, located: Located, member: 'name' | 'uid'): SelectorVerdict {
  const [kind, wanted] = halves(value);
  if (located.kind === 'Pod') {
    const owners = listAt(located.metadata, 'ownerReferences').filter(isObject);
    const isOne = owners.some((owner) => owner['kind'] === kind && owner[member] === wanted);
    return isOne ? 'met' : 'unmet';
  }
  const between = makesThrough.get(located.kind);
  if (kind !== (between ?? located.kind)) return 'unmet';
  if (between === undefined)
    return member === 'name' ? equal(wanted, located.name) : orOpen(wanted, uidOf(located));
  return member === 'uid' || wanted.startsWith(`${located.name}-`) ? 'unjudged' : 'unmet';
}

const ordinary = 'containerStatuses';
const initial = 'initContainerStatuses';

/** What the kubelet says of a pod's containers; undefined before it says anything. */
function statusesOf(
  { template }: Located,
  list: typeof ordinary | typeof initial,
): readonly JsonObject[] | undefined {
  const status = objectAt(template, 'status');
  if (listAt(status, ordinary).length === 0) return undefined;
  return listAt(status, list).filter(isObject);
}

/** As the kubelet reports images, which a template may name otherwise: without registry, by a tag instead of a digest. */
function judgeOwnImage(value: string, { located, container }: AskingContainer): SelectorVerdict {
  const all = [...(statusesOf(located, ordinary) ?? []), ...(statusesOf(located, initial) ?? [])];
  const its = all.filter((each) => each['name'] === container);
  return judgeImages(value, its.length === 0 ? undefined : its);
}

function judgeImages(value: string, statuses: readonly JsonObject[] | undefined): SelectorVerdict {
  if (statuses === undefined) return 'unjudged';
  const names = statuses.flatMap((each) => [stringAt(each, 'image'), stringAt(each, 'imageID')]);
  if (names.includes(value)) return 'met';
  // Before its image is pulled a container has no ID.
  return names.some((name) => name === undefined || name === '') ? 'unjudged' : 'unmet';
}

function judgeCount(
  value: string,
  located: Located,
  list: typeof ordinary | typeof initial,
): SelectorVerdict {
  const statuses = statusesOf(located, list);
  return orOpen(value, statuses === undefined ? undefined : `${statuses.length}`);
}
