/** Keys of ours where they have no effect, and keys that look like ours and are not. */
import { objectAt, type JsonObject } from '#kernel/json.ts';
import { writableKeys } from './read-annotations.ts';
import {
  envoyFilterLabel,
  envoyLabel,
  federationLabel,
  injectedLabel,
  isOurs,
  namespaceLabel,
  revisionLabel,
  statusKey,
} from './metadata-keys.ts';
import {
  componentLabel,
  nameFor,
  nameLabel,
  ownComponent,
  ownName,
  revisionIn,
} from './revision.ts';
import type { Located } from './locate.ts';
import { nearest } from '#kernel/nearest.ts';

export interface Stray {
  /** Also the id of the step that reports it. */
  readonly id: 'annotation_on_workload' | 'key_as_label' | 'key_unknown';
  /** The first of them. */
  readonly key: string;
  readonly message: string;
}

/** Our labels that may be on objects in a namespace; the others are for Namespaces. */
const objectLabels: ReadonlySet<string> = new Set([
  injectedLabel,
  federationLabel,
  envoyFilterLabel,
  envoyLabel,
  revisionLabel,
]);
const domains = ['svidecar.dev', 'inject.svidecar.dev'] as const;

/** Keys of a workload or a Pod that have no effect. */
export function strayKeys(located: Located): readonly Stray[] {
  const isPod = located.path.length === 0;
  const template = objectAt(located.template, 'metadata');
  const goal = [...located.path, 'metadata', 'annotations'].join('.');
  const places = isPod
    ? [{ metadata: template, where: 'the Pod' }]
    : [
        { metadata: located.metadata, where: `the ${located.kind}'s own metadata` },
        { metadata: template, where: 'the pod template' },
      ];
  return [
    ...(isPod ? [] : [...onWorkload(located, goal), ...revisionOnWorkload(located)]),
    ...places.flatMap((place) => asLabels(place, goal)),
    ...places.flatMap(alike),
  ];
}

/** Our keys on the metadata of a workload, where they have no effect. */
export function misplacedKeys(metadata: JsonObject): readonly string[] {
  return Object.keys(objectAt(metadata, 'annotations')).filter(
    (key) => isOurs(key) && key !== statusKey,
  );
}

function onWorkload({ metadata, kind }: Located, goal: string): readonly Stray[] {
  const keys = misplacedKeys(metadata);
  const [key] = keys;
  if (key === undefined) return [];
  const message = `${keys.join(', ')} on the ${kind}'s own metadata has no effect; move it to ${goal}`;
  return [{ id: 'annotation_on_workload', key, message }];
}

/** Tools put labels in both places; in this one alone nobody looks. */
function revisionOnWorkload({ metadata, kind, template, path }: Located): readonly Stray[] {
  const isRead = revisionIn(objectAt(template, 'metadata')) !== undefined;
  const revision = revisionIn(metadata);
  if (isRead || revision === undefined || isInstallation(metadata, revision)) return [];
  const goal = [...path, 'metadata', 'labels'].join('.');
  const message = `the label ${revisionLabel} on the ${kind}'s own metadata has no effect; it belongs on the pod template (${goal}), or on the Namespace`;
  return [{ id: 'key_as_label', key: revisionLabel, message }];
}

/** Objects of an installation itself have the label as well: by it they are found, and nobody injects them. */
function isInstallation(metadata: JsonObject, revision: string): boolean {
  const labels = objectAt(metadata, 'labels');
  return (
    labels[nameLabel] === ownName && labels[componentLabel] === nameFor(ownComponent, revision)
  );
}

interface Place {
  readonly metadata: JsonObject;
  readonly where: string;
}

function asLabels({ metadata, where }: Place, goal: string): readonly Stray[] {
  return Object.keys(objectAt(metadata, 'labels'))
    .filter((key) => isOurs(key) && !objectLabels.has(key))
    .map((key) => ({
      id: 'key_as_label',
      key,
      message:
        key === namespaceLabel
          ? `the label ${key} on ${where} has no effect; it belongs on the Namespace, and injection is asked for with an annotation: ${goal}`
          : key.toLowerCase() === revisionLabel
            ? `${key} is a label of ${where}, where it has no effect; the label is ${revisionLabel}, all in lower case`
            : `${key} is a label of ${where}, where it has no effect; make it an annotation, in ${goal}`,
    }));
}

function alike({ metadata, where }: Place): readonly Stray[] {
  const keys = (['annotations', 'labels'] as const).flatMap((field) =>
    Object.keys(objectAt(metadata, field)),
  );
  return [...new Set(keys)].filter(resemblesOurs).map((key) => ({
    id: 'key_unknown',
    key,
    message: `${key} on ${where} is not a key of svidecar and has no effect; did you mean the annotation ${meant(key)}?`,
  }));
}

/** Whether a key would be ours but for its spelling: `inject.svidecar.io/templates`, `svidecar/inject`, `svdecar.dev/inject`. */
export function resemblesOurs(key: string): boolean {
  if (isOurs(key) || key.length > maxKeyLength) return false;
  const slash = key.indexOf('/');
  const domain = (slash === -1 ? key : key.slice(0, slash)).toLowerCase();
  if (/(^|\.)svidecar/.test(domain)) return true;
  return slash !== -1 && isNear(domain);
}

/** A DNS subdomain, a slash and a name. */
const maxKeyLength = 253 + 1 + 63;
const maxEdits = 2;

function isNear(domain: string): boolean {
  return domains.some(
    (known) =>
      Math.abs(known.length - domain.length) <= maxEdits &&
      nearest(domain, [known], maxEdits) !== undefined,
  );
}

/** The known key whose name is nearest to the name in this one. */
function meant(key: string): string {
  const name = key.slice(key.lastIndexOf('/') + 1).toLowerCase();
  const names = writableKeys.map((known) => known.slice(known.indexOf('/') + 1));
  const near = nearest(name, names) ?? 'templates';
  return writableKeys.find((known) => known.endsWith(`/${near}`)) ?? '';
}
