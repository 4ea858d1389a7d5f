/** With which trust domains a workload federates: what two annotations of its pod template say. */
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import {
  parseSpiffeId,
  trustDomainFault,
  trustDomainNamed,
  trustDomainOf,
} from '#kernel/spiffe-id.ts';
import { annotationKey } from './metadata-keys.ts';

const oursKey = annotationKey('federates-with');

/** As SPIRE's former Kubernetes registrar read it: names of trust domains, separated by commas. */
export const registrarsKey = 'spiffe.io/federatesWith';

export interface Federation {
  /** Names, each once, sorted; never the workload's own. */
  readonly trustDomains: readonly string[];
  /** The workload's own, where an annotation names it: one manifest may serve every member of a federation. */
  readonly ownNamed: string | undefined;
  /** Items of the registrar's annotation that are not trust domain names: they are left out. */
  readonly unreadable: readonly string[];
}

/** The union of both annotations; ours has been judged by `readRequest`. @param spiffeId the workload's */
export function federationOf(template: JsonObject, spiffeId: string): Federation {
  const items = [...itemsOf(template, oursKey), ...itemsOf(template, registrarsKey)];
  const named = new Set(items.filter(isReadable));
  const own: string = trustDomainOf(parseSpiffeId(spiffeId));
  return {
    trustDomains: [...named].filter((name) => name !== own).sort(),
    ownNamed: named.has(own) ? own : undefined,
    unreadable: unreadableIn(template),
  };
}

/** Items of the registrar's annotation, whoever the workload is. */
export function unreadableIn(template: JsonObject): readonly string[] {
  return itemsOf(template, registrarsKey).filter((item) => !isReadable(item));
}

function itemsOf(template: JsonObject, key: string): readonly string[] {
  const annotations = objectAt(objectAt(template, 'metadata'), 'annotations');
  return (stringAt(annotations, key) ?? '')
    .split(',')
    .map((item) => trustDomainNamed(item.trim()))
    .filter((name) => name !== '');
}

function isReadable(name: string): boolean {
  return trustDomainFault(name) === undefined;
}
