/** Which of several installations injects an object: a label of its pod template, or else of its namespace. */
import { own } from '#kernel/members.ts';
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { revisionLabel } from './metadata-keys.ts';

/** The installation without a name; it is chosen by naming none. */
export const noRevision = '';

/** So that each name that is made of it fits, and is a label's value. */
const maxLength = 40;
const form = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
/**
 * Ends of names of ours, with which a name would be another object's; and what would be taken for no revision at all.
 * Written so that Go, and so the chart, reads it as well.
 */
export const reservedBeginning =
  /^(audit|authority|bans|ca-bundles|certificates|clusterspiffeids|default|deny|guard|marks|own-writes|pods|registrations|root|serving|tls|warn|webhook|workloads)(-|$)/;
/** In a label or a list that nobody quotes, these are numbers and the like, and the API server wants text. */
export const otherThanText =
  /^(y|n|yes|no|on|off|true|false|null|[0-9]+(e-?[0-9]+)?|0b[01]+|0o[0-7]+|0x[0-9a-f]+)$/;

/** Why this cannot be a revision's name; undefined for one that can. */
export function revisionFault(name: string): string | undefined {
  if (name.length > maxLength || !form.test(name))
    return `must be 1 to ${maxLength} lower-case letters, digits and dashes, and begin and end with a letter or digit`;
  if (otherThanText.test(name))
    return 'must not be what YAML reads as a number, or as true, false or null: add a word to it';
  const [, word] = reservedBeginning.exec(name) ?? [];
  if (word === undefined) return undefined;
  return word === 'default'
    ? 'must not begin with "default": the default revision is the one that is chosen by naming none'
    : `must not begin with "${word}", which names another object of svidecar`;
}

/**
 * The label of an object's metadata; undefined where it has none. In a manifest it may be no text: the API server refuses
 * that, and stores null as an empty one, or not at all. As text it is nobody's name.
 */
export function revisionIn(metadata: JsonObject): string | undefined {
  const label = own(objectAt(metadata, 'labels'), revisionLabel);
  if (label === undefined || typeof label === 'string') return label;
  return label === null ? '' : JSON.stringify(label);
}

/** By name of the Namespace, which revision its label names, where it has one; of several with one name the last counts. */
export function revisionsNamed(namespaces: readonly JsonObject[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const namespace of namespaces) {
    const metadata = objectAt(namespace, 'metadata');
    const name = stringAt(metadata, 'name') ?? '';
    const revision = revisionIn(metadata);
    if (revision === undefined) found.delete(name);
    else found.set(name, revision);
  }
  return found;
}

/** The label among an object's labels; none is the installation without a name. */
export function revisionOfLabels(labels: Readonly<Record<string, string>>): string {
  return own(labels, revisionLabel) ?? noRevision;
}

/** Whom a pod template, in a namespace, is for: the template's label wins. */
export function chosenRevision(
  template: string | undefined,
  namespace: string | undefined,
): string {
  return template ?? namespace ?? noRevision;
}

/** The name of an object of ours in an installation. */
export function nameFor(name: string, revision: string): string {
  return revision === noRevision ? name : `${name}-${revision}`;
}

/** For sentences. */
export function revisionWords(name: string): string {
  return name === noRevision ? 'the default revision' : `revision ${name}`;
}

/** For tables and lists. */
export function revisionShown(name: string): string {
  return name === noRevision ? '(none)' : name;
}

/** For sentences that are about one of those that are installed. */
export function installationWords(name: string): string {
  return name === noRevision ? 'the installation without a name' : revisionWords(name);
}

/** Before the name of a hook that finds its objects by their own label, whatever their namespace names. */
export const byLabel = 'labelled-';

/** Of the one object that says which revision is the default, where that is not the installation without a name. */
export const defaultHooksName = 'svidecar-default';

/** By it the objects of an installation are told from others', and Services select. */
export const componentLabel = 'app.kubernetes.io/component';
/** Its value, as {@link nameFor} makes it a revision's. */
export const ownComponent = 'webhook';
/** Whose an object is; other projects have a component `webhook` as well. */
export const nameLabel = 'app.kubernetes.io/name';
export const ownName = 'svidecar';
