/** The hooks of an installation: whether all are there, and whether the default's copies are still what they are copied from. */
import { isObject, listAt, objectAt, sameJson, stringAt, type JsonObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import { byLabel, defaultHooksName, nameFor, noRevision } from '../request/revision.ts';
import { authorityKey, defaultConfiguration } from '../request/revision-hooks.ts';
import type { Finding } from './check-contract.ts';
import { metadataOf, nameOf, type Subject } from './facts.ts';
import { installedRevisions, type InstalledRevision } from './installed-revisions.ts';
import { hooksOf, ownSuffix, podHook } from './inspected-hooks.ts';

/** Hooks that the manifests install, and what is missing without them. */
const expectedHooks: Readonly<Record<string, string>> = {
  [podHook]: 'no pod is injected',
  [`workloads${ownSuffix}`]:
    'Deployments and their like stay as they are (their pods are injected)',
  [`pod-updates${ownSuffix}`]: "kubectl apply of an injected Pod's own manifest is refused",
};

/** Each hook twice where the installation has a name. */
export function expectedOf(revision: string): readonly (readonly [string, string])[] {
  const usual = Object.entries(expectedHooks);
  if (revision === noRevision) return usual;
  return [...usual, ...usual.map(([name, loss]) => [`${byLabel}${name}`, loss] as const)];
}

/** Names of hooks that an installation should have and does not. */
export function missingHooks({ name, configurations }: InstalledRevision): readonly string[] {
  const there = new Set(hooksOf(configurations.map((object) => ({ object }))).map((h) => h.name));
  return expectedOf(name)
    .map(([hook]) => hook)
    .filter((hook) => !there.has(hook));
}

/** What writes the copies anew. */
export function defaultHint(revision: string): string {
  const name = revision === noRevision ? '' : ` ${revision}`;
  return `svidecar revision default${name} --yes writes it anew`;
}

/** Nobody but that command keeps the copies, but for the authority that their controller writes. */
export function driftOfDefault(subjects: readonly Subject[]): readonly Finding[] {
  const { all, said } = installedRevisions(subjects);
  const from = all.find(({ name }) => name === said?.revision);
  const copy = subjects.find(({ object }) => nameOf(object) === defaultHooksName);
  // Of one that has gone, revision_served tells.
  if (said === undefined || from === undefined || copy === undefined) return [];
  const wanted = defaultConfiguration(from.configurations, from.name);
  const faults = said.isEmpty
    ? [withoutHooks(all)]
    : [...hookFaults(copy.object, wanted), ...authorityFault(copy.object, wanted)];
  const source = nameFor('svidecar-pods', from.name);
  return faults.map(({ severity, why }) => ({
    severity,
    where: said.where,
    message: `is no copy of ${source} and its like any more: ${why}`,
    hint: defaultHint(from.name),
  }));
}

interface Fault {
  readonly severity: 'error' | 'warning';
  readonly why: string;
}

function withoutHooks(all: readonly InstalledRevision[]): Fault {
  const isUsual = all.some(({ name }) => name === noRevision);
  const why = isUsual
    ? 'the installation without a name injects what names no revision'
    : 'nobody injects what names no revision, and its pods are refused';
  return { severity: 'error', why: `it has no hooks, so ${why}` };
}

function byName(configuration: JsonObject): ReadonlyMap<string, JsonObject> {
  const hooks = listAt(configuration, 'webhooks').filter(isObject);
  return new Map(hooks.map((hook) => [stringAt(hook, 'name') ?? '', hook]));
}

function hookFaults(copy: JsonObject, wanted: JsonObject): readonly Fault[] {
  const there = byName(copy);
  const should = byName(wanted);
  const missing = [...should].filter(([name]) => !there.has(name));
  const more = [...there].filter(([name]) => !should.has(name));
  return [
    ...missing.map(([name]): Fault => ({
      severity: 'error',
      why: `it has no hook ${name}, so the default does not see what that is for`,
    })),
    ...more.map(([name]): Fault => ({
      severity: 'warning',
      why: `it has a hook ${name}, which they do not have`,
    })),
    ...[...should].flatMap(([name, hook]): readonly Fault[] => {
      const other = there.get(name);
      const fields = other === undefined ? [] : differing(hook, other);
      if (fields.length === 0) return [];
      return [{ severity: 'warning', why: `hook ${name} differs in ${fields.join(', ')}` }];
    }),
  ];
}

function differing(a: JsonObject, b: JsonObject): readonly string[] {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].filter((key) => !sameJson(own(a, key), own(b, key))).sort();
}

/** By it cert-manager keeps the authority. */
function authorityFault(copy: JsonObject, wanted: JsonObject): readonly Fault[] {
  const [is, should] = [copy, wanted].map((each) =>
    stringAt(objectAt(metadataOf(each), 'annotations'), authorityKey),
  );
  if (is === should) return [];
  const why = `its annotation ${authorityKey} is ${is ?? 'not there'}, and theirs ${should ?? 'is not there'}`;
  return [{ severity: 'warning', why }];
}
