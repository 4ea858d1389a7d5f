/** The ConfigMaps, and EnvoyFilters, that belong to the injected workloads of some manifests. */
import { stringAt, type JsonObject } from '#kernel/json.ts';
import type { ConfigMapUser, DesiredConfigMap, DesiredEnvoyFilter } from '../desired/desired.ts';
import { readableStatus } from '../checks/assess.ts';
import { desiredConfigMaps } from '../desired/marks.ts';
import { statusText, type Status } from '../injection/status.ts';
import { noRevision } from '../request/revision.ts';
import { filterManifestOf, manifestOf } from './appended-documents.ts';
import {
  ownNamespace,
  type ConfigMaps,
  type DecideOptions,
  type DecidedWorkload,
} from './decide-all.ts';
import type { ManifestDocument } from './manifest.ts';

export interface Wanted {
  readonly configMaps: readonly DesiredConfigMap[];
  readonly envoyFilters: readonly DesiredEnvoyFilter[];
  /** Those that the inputs do not contain already. */
  readonly objects: readonly JsonObject[];
}

/** @param facts.printed documents whose workloads count */
export function wantedConfigMaps(
  outcomes: readonly DecidedWorkload[],
  facts: {
    readonly configMaps: ConfigMaps;
    readonly printed: ReadonlySet<ManifestDocument>;
    readonly options: DecideOptions;
  },
): Wanted {
  const { options, configMaps: sources } = facts;
  const users = outcomes.flatMap((outcome) => userOf(outcome, facts.printed));
  const sourcesIn = byNamespace(sources.values());
  const configMaps: DesiredConfigMap[] = [];
  const envoyFilters: DesiredEnvoyFilter[] = [];
  const objects: JsonObject[] = [];
  for (const [namespace, own] of byNamespace(users)) {
    const written = own.find((user) => user.ownNamespace !== undefined)?.ownNamespace;
    const given = {
      sources: byName(sourcesIn.get(namespace) ?? []),
      memory: options.engine.memory,
      marks: options.engine.config.configMaps,
    };
    const revisions = new Set(own.map(({ says }) => says.revision ?? noRevision));
    const each = [...revisions].map((revision) =>
      desiredConfigMaps(namespace, own, { ...given, revision }),
    );
    const desired = {
      configMaps: each.flatMap((one) => one.configMaps),
      envoyFilters: each.flatMap((one) => one.envoyFilters),
    };
    configMaps.push(...desired.configMaps);
    envoyFilters.push(...desired.envoyFilters);
    const isNew = ({ name }: { readonly name: string }): boolean =>
      !sources.has(`${namespace}/${name}`);
    // First, as in a cluster: pods wait for the ConfigMaps.
    for (const filter of desired.envoyFilters.filter(isNew))
      objects.push(filterManifestOf(filter, written));
    for (const configMap of desired.configMaps.filter(isNew))
      objects.push(manifestOf(configMap, written));
  }
  return { configMaps, envoyFilters, objects };
}

function byNamespace<T extends { readonly namespace: string }>(
  all: Iterable<T>,
): ReadonlyMap<string, readonly T[]> {
  return Map.groupBy(all, ({ namespace }) => namespace);
}

function byName<T extends { readonly name: string }>(all: readonly T[]): ReadonlyMap<string, T> {
  return new Map(all.map((one) => [one.name, one]));
}

interface OfflineUser extends ConfigMapUser {
  readonly says: Status;
  readonly ownNamespace: string | undefined;
}

function userOf(
  { decision, document, object, located }: DecidedWorkload,
  printed: ReadonlySet<ManifestDocument>,
): readonly OfflineUser[] {
  if (!printed.has(document)) return [];
  const status = statusAfter(decision, located);
  if (status === undefined) return [];
  const { kind, name, namespace } = located;
  return [
    {
      kind,
      name,
      namespace,
      status: statusText(status),
      says: status,
      owner: { apiVersion: stringAt(object.value, 'apiVersion') ?? '', kind, name, uid: name },
      ownNamespace: ownNamespace(object.value),
    },
  ];
}

/** What another revision injected keeps its ConfigMaps: it is left alone, and they may stand in the text. */
function statusAfter(
  decision: DecidedWorkload['decision'],
  { template }: DecidedWorkload['located'],
): Status | undefined {
  if (decision.kind === 'injected' || decision.kind === 'unchanged') return decision.status;
  return decision.kind === 'skipped' && decision.reason === 'other_revision'
    ? readableStatus(template)
    : undefined;
}
