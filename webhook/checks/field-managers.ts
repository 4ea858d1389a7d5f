/** Which other managers own fields of an injected workload by server-side apply, according to its managedFields. */
import { firstNames } from '#kernel/first-names.ts';
import { own } from '#kernel/members.ts';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { pointerTokens } from '../editing/operation.ts';
import { readableStatus, type Assessed } from './assess.ts';
import { found, type Check, type Finding } from './check-contract.ts';
import { metadataOf } from './facts.ts';

export const fieldManagers: Check = {
  id: 'field_managers',
  category: 'workloads',
  claim: 'one manager applies a workload, and nobody applies what was injected',
  why: 'By server-side apply a field belongs to who applied it: an annotation stays while one of two holds it, and what gave way to ours is a conflict.',
  offline: true,
  reads: ['workloads'],
  run: ({ assessed }) =>
    found(
      assessed
        .filter(({ where, asks, isInjected }) => where.kind !== 'Pod' && (asks || isInjected))
        .flatMap((each) => [...several(each), ...holders(each)]),
    ),
};

interface Manager {
  readonly name: string;
  /** Of the pod template, in the form of FieldsV1. */
  readonly fields: JsonObject;
}

/** Those who apply fields of the pod template. */
function appliersOf({ subject, located }: Assessed): readonly Manager[] {
  return listAt(metadataOf(subject.object), 'managedFields')
    .filter(isObject)
    .filter((entry) => entry['operation'] === 'Apply' && entry['subresource'] === undefined)
    .map((entry) => ({
      name: stringAt(entry, 'manager') ?? '',
      fields: located.path.reduce(
        (fields, key) => objectAt(fields, `f:${key}`),
        objectAt(entry, 'fieldsV1'),
      ),
    }))
    .filter(({ fields }) => Object.keys(fields).length > 0);
}

function several(each: Assessed): readonly Finding[] {
  const names = appliersOf(each).map(({ name }) => `"${name}"`);
  if (names.length < 2) return [];
  return [
    {
      severity: 'warning',
      where: each.where,
      message: `its pod template is applied by ${names.join(' and ')}: an annotation that one of them takes away stays while another holds it, and a field that gave way to svidecar's is a conflict for each`,
      hint: 'let one manager apply the workload (kubectl apply --server-side --field-manager=<the one>); the other gives its fields up by applying a manifest without them',
    },
  ];
}

function holders(each: Assessed): readonly Finding[] {
  const added = Object.keys(readableStatus(each.located.template)?.undo.added ?? {});
  return appliersOf(each).flatMap(({ name, fields }): readonly Finding[] => {
    const held = added.filter((path) => owns(fields, path));
    if (held.length === 0) return [];
    return [
      {
        severity: 'warning',
        where: each.where,
        message: `"${name}" applies parts that svidecar injected (${firstNames(held, { most: shownPaths })}): its manifest was taken from the live object`,
        hint: 'apply the manifest as it was before injection: svidecar uninject takes the parts out of it',
      },
    ];
  });
}

/** Whether FieldsV1 names the place of a keyed path. */
function owns(fields: JsonObject, path: string): boolean {
  let here: JsonObject | undefined = fields;
  for (const token of pointerTokens(path)) {
    if (here === undefined) return false;
    const member: unknown = own(here, fieldOf(here, token));
    here = isObject(member) ? member : undefined;
  }
  return here !== undefined;
}

/** `name=app` is `k:{"name":"app"}` there; ports have their protocol beside. */
function fieldOf(fields: JsonObject, token: string): string {
  const equals = token.indexOf('=');
  if (equals === -1) return `f:${token}`;
  const key = token.slice(0, equals);
  const value = token.slice(equals + 1);
  const text = `${JSON.stringify(key)}:${key === 'containerPort' ? value : JSON.stringify(value)}`;
  return Object.keys(fields).find((field) => field.startsWith(`k:{${text}`)) ?? `k:{${text}}`;
}

/** Paths are long. */
const shownPaths = 3;
