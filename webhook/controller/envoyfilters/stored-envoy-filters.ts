/** EnvoyFilters that have a name and the label of ours, as the cluster stores them. */
import { hash } from 'node:crypto';
import { isObject, objectAt, stringAt, textsAt, type Json, type JsonObject } from '#kernel/json.ts';
import { isManaged } from '../../desired/desired.ts';
import { envoyFilterKind } from '../../istio/istio-plan.ts';
import { pathOf } from '../../kube/read-list.ts';

/** What is kept of one: no patch, so that memory does not grow with them. */
export interface EnvoyFilterEntry {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** True when it carries our label. */
  readonly isManaged: boolean;
  /** @see specDigestOf */
  readonly digest: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export function slimEnvoyFilter(object: JsonObject): EnvoyFilterEntry {
  const metadata = objectAt(object, 'metadata');
  const labels = textsAt(metadata, 'labels');
  return {
    namespace: stringAt(metadata, 'namespace') ?? '',
    name: stringAt(metadata, 'name') ?? '',
    uid: stringAt(metadata, 'uid') ?? '',
    resourceVersion: stringAt(metadata, 'resourceVersion') ?? '',
    isManaged: isManaged(labels),
    digest: specDigestOf(objectAt(object, 'spec')),
    labels,
    annotations: textsAt(metadata, 'annotations'),
  };
}

/** The same for specs that differ in the order of members only. */
export function specDigestOf(spec: JsonObject): string {
  return hash('sha256', JSON.stringify(spec, sorted), 'base64');
}

/** JSON.stringify gives the members of what this returns in their order. */
function sorted(_key: string, value: Json | undefined): Json | undefined {
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function envoyFilterPath(namespace: string, name?: string): string {
  return pathOf(envoyFilterKind, namespace, name);
}
