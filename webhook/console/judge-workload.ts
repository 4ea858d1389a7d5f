/** What the engine says about a stored object, in short: the same decision as `explain` and `check` make. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { envoyCheck, keysReader, type ReadConfigMap } from '../admission/check-envoy.ts';
import { decide, type Decision } from '../admission/decide.ts';
import { banDirectory, helperContainer } from '../../sidecar/config/helper-contract.ts';
import { mountedConfigMaps, readableStatus } from '../checks/assess.ts';
import { containersOf } from '../checks/containers.ts';
import type { Engine } from '../injection/inject.ts';
import type { TraceStep } from '../injection/trace.ts';
import { locate, type Located } from '../request/locate.ts';
import { statusKey } from '../request/metadata-keys.ts';
import { asksForNothing } from '../request/read-annotations.ts';
import { judgeByRevision, type RevisionsInForce } from './judge-by-revision.ts';
import { withoutSecrets } from './hide-secrets.ts';

/** What can be seen of an object without the engine. */
export interface SeenWorkload {
  /** Whether its pod template asks for templates. */
  readonly asks: boolean;
  /** Whether its pod template carries our status. */
  readonly isInjected: boolean;
  readonly templates: readonly string[];
  /** ConfigMaps of its namespace that the decision depends on. */
  readonly configMaps: readonly string[];
  /** Lists of bans that its helper reads from ConfigMaps. */
  readonly banLists: readonly BanListKey[];
}

/** A ConfigMap of the workload's namespace, and its key. */
export interface BanListKey {
  readonly name: string;
  readonly key: string;
}

/** The decision, and in a sentence why. Whether the webhook sees the namespace at all is another question. */
export interface WorkloadVerdict {
  readonly kind: Decision['kind'];
  readonly why: { readonly id: string; readonly message: string } | undefined;
  readonly templates: readonly string[];
}

export interface JudgeContext {
  readonly engine: Engine;
  /** svidecar's own: never touched. */
  readonly ownNamespace: string;
  readonly configMap: ReadConfigMap;
  /** Who injects what; absent: there is one installation. */
  readonly revisions?: RevisionsInForce | undefined;
}

/** A list's file, wherever a text names it. */
const listFile = new RegExp(`${banDirectory}/([-._a-zA-Z0-9]{1,253})`, 'g');
/** Characters of a reason that a row shows; the workload's own view has all of it. */
const maxReason = 300;

/** Undefined for an object without a pod template. */
export function seenOf(object: JsonObject): SeenWorkload | undefined {
  const located = locate(object, '');
  if (located === undefined) return undefined;
  const asks = !asksForNothing(located.template);
  const isInjected = hasStatus(located);
  const isOurs = asks || isInjected;
  return {
    asks,
    isInjected,
    templates: isOurs ? (readableStatus(located.template)?.templates ?? []) : [],
    configMaps: isOurs ? [...mountedConfigMaps(object)] : [],
    banLists: isInjected ? banListsOf(located) : [],
  };
}

/** Of the volume that its helper has at the place for lists; the keys stand in the settings, which the status holds. */
function banListsOf({ template }: Located): readonly BanListKey[] {
  const spec = objectAt(template, 'spec');
  const mount = containersOf(spec)
    .filter((each) => each['name'] === helperContainer)
    .flatMap((each) => listAt(each, 'volumeMounts'))
    .filter(isObject)
    .find((each) => each['mountPath'] === banDirectory);
  const volume = listAt(spec, 'volumes')
    .filter(isObject)
    .find((each) => mount !== undefined && each['name'] === mount['name']);
  const name = stringAt(objectAt(volume, 'configMap'), 'name');
  if (name === undefined) return [];
  const status = stringAt(objectAt(objectAt(template, 'metadata'), 'annotations'), statusKey) ?? '';
  const keys = [...status.matchAll(listFile)].map(([, key]) => key ?? '');
  return [...new Set(keys)].map((key) => ({ name, key }));
}

function hasStatus({ template }: Located): boolean {
  return stringAt(objectAt(objectAt(template, 'metadata'), 'annotations'), statusKey) !== undefined;
}

/** @param object as stored, with its kind; one with a controller is judged by what it asks for, not by who made it */
export function judgeWorkload(object: JsonObject, context: JudgeContext): WorkloadVerdict {
  const { engine, ownNamespace, configMap } = context;
  const elsewhere = judgeByRevision(object, context);
  if (elsewhere !== undefined) return { ...elsewhere, templates: [] };
  const { ownerReferences, ...metadata } = objectAt(object, 'metadata');
  const decision = decide(
    { ...object, metadata },
    {
      engine,
      checkEnvoy: envoyCheck(configMap, engine.memory.copies, 'words'),
      configMapKeys: keysReader(configMap),
      // What is there by now is told by the view of the workload.
      heldConfigMap: (): undefined => undefined,
      ignoredNamespaces: new Set([...engine.config.ignoredNamespaces, ownNamespace]),
      namespace: stringAt(metadata, 'namespace') ?? '',
    },
  );
  return {
    kind: decision.kind,
    why: whyOf(decision),
    templates: 'status' in decision ? decision.status.templates : [],
  };
}

function whyOf(decision: Decision): WorkloadVerdict['why'] {
  switch (decision.kind) {
    case 'refused':
      return shortened(decision.code, decision.why);
    case 'skipped':
      return shortened(decision.reason, decision.steps.at(-1)?.message ?? decision.reason);
    case 'uninjected':
      return { id: 'uninjected', message: 'is injected, and does not ask for it any more' };
    case 'injected':
    case 'unchanged':
      return warningOf(decision.steps);
    default:
      return decision satisfies never;
  }
}

/** The first of them: it works, but may surprise. */
function warningOf(steps: readonly TraceStep[]): WorkloadVerdict['why'] {
  const warning = steps.find(({ level }) => level === 'warning');
  return warning === undefined ? undefined : shortened(warning.id, warning.message);
}

function shortened(id: string, message: string): NonNullable<WorkloadVerdict['why']> {
  const told = withoutSecrets(message);
  const words = told.length > maxReason ? `${told.slice(0, maxReason - 1)}…` : told;
  // Through bytes: a slice would keep the whole text alive.
  return { id, message: new TextDecoder().decode(new TextEncoder().encode(words)) };
}
