/** What injection changes in EnvoyFilters. */
import { isArray, isObject, objectAt, sameJson, type Json, type JsonObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import { readableStatus } from '../checks/assess.ts';
import type { DesiredEnvoyFilter } from '../desired/desired.ts';
import { envoyFilterKind } from '../istio/istio-plan.ts';
import { filterManifestOf, yamlOf } from './appended-documents.ts';
import type { InjectedTexts } from './inject-texts.ts';
import type { LabelledTexts } from './unified-diff.ts';

/** Each that a workload gets, compared with the one among the inputs that it had: of the same name, or of its former status. */
export function filterPairs({ outcomes, envoyFilters }: InjectedTexts): readonly LabelledTexts[] {
  const { wanted, there } = envoyFilters;
  const former = new Map(
    outcomes.flatMap(({ decision, located }) => {
      if (decision.kind !== 'injected' && decision.kind !== 'unchanged') return [];
      const name = `${located.namespace}/${decision.status.envoy?.derived ?? ''}`;
      const before = readableStatus(located.template)?.envoy?.derived ?? '';
      return [[name, `${located.namespace}/${before}`] as const];
    }),
  );
  return wanted.flatMap((filter) => {
    const name = `${filter.namespace}/${filter.name}`;
    const before = [name, former.get(name) ?? ''].find((each) => there.has(each));
    return pairOf(filter, before, there.get(before ?? ''));
  });
}

function pairOf(
  filter: DesiredEnvoyFilter,
  name: string | undefined,
  before: JsonObject | undefined,
): readonly LabelledTexts[] {
  const after = filterManifestOf(filter, undefined);
  const called = `${envoyFilterKind.kind} ${filter.namespace}/${filter.name}`;
  if (before === undefined || name === undefined) {
    const labels = { before: '/dev/null', after: called };
    return [{ before: '', after: yamlOf(after), labels }];
  }
  const known = inOrderOf(after, comparable(before, after));
  if (sameJson(known, after)) return [];
  const labels = { before: `${envoyFilterKind.kind} ${name}`, after: called };
  return [{ before: yamlOf(known), after: yamlOf(after), labels }];
}

/** Without what only the cluster writes, and without labels and annotations of others. */
function comparable(before: JsonObject, after: JsonObject): JsonObject {
  const { apiVersion, kind } = envoyFilterKind;
  const metadata = objectAt(before, 'metadata');
  const ours = objectAt(after, 'metadata');
  return {
    apiVersion,
    kind,
    metadata: {
      ...membersOf(metadata, { name: '' }),
      labels: membersOf(objectAt(metadata, 'labels'), objectAt(ours, 'labels')),
      ...(own(ours, 'annotations') === undefined
        ? {}
        : {
            annotations: membersOf(
              objectAt(metadata, 'annotations'),
              objectAt(ours, 'annotations'),
            ),
          }),
    },
    spec: objectAt(before, 'spec'),
  };
}

/** Those that another object has as well. */
function membersOf(value: JsonObject, model: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([key]) => Object.hasOwn(model, key)));
}

/** The same value, its members in the order of another. */
function inOrderOf(model: JsonObject, value: JsonObject): JsonObject {
  const keys = new Set([...Object.keys(model), ...Object.keys(value)]);
  const pairs = [...keys].filter((key) => Object.hasOwn(value, key));
  return Object.fromEntries(pairs.map((key) => [key, ordered(own(model, key), own(value, key))]));
}

function ordered(model: Json | undefined, value: Json | undefined): Json {
  if (isArray(value)) {
    const models = isArray(model) ? model : [];
    return value.map((item, at) => ordered(models[at], item));
  }
  if (!isObject(value)) return value ?? null;
  return inOrderOf(isObject(model) ? model : {}, value);
}
