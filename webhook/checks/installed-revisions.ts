/** Which installations inject in a cluster, and which of them what names none: read off their hooks. */
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { defaultHooksName, noRevision, revisionIn } from '../request/revision.ts';
import { metadataOf, nameOf, whereOf, type Subject, type Where } from './facts.ts';
import { hooksOf, isOwnConfiguration, type HookTarget } from './inspected-hooks.ts';

export interface InstalledRevision {
  /** Empty for the installation without a name. */
  readonly name: string;
  /** What its hooks call, each once. */
  readonly targets: readonly HookTarget[];
  readonly configurations: readonly JsonObject[];
}

export interface InstalledRevisions {
  readonly all: readonly InstalledRevision[];
  /** Whom objects that name no revision are for; undefined where there is nobody for them. */
  readonly byDefault: string | undefined;
  /** The one object that says so; undefined where there is none. */
  readonly said: Said | undefined;
}

interface Said {
  readonly where: Where;
  readonly revision: string;
  /** It has no hooks, so it calls nobody. */
  readonly isEmpty: boolean;
}

/** @param subjects the MutatingWebhookConfigurations of svidecar */
export function installedRevisions(subjects: readonly Subject[]): InstalledRevisions {
  const own = subjects.filter(({ object }) => isOwnConfiguration(object));
  const saying = own.find(({ object }) => nameOf(object) === defaultHooksName);
  const byName = Map.groupBy(
    own.filter((each) => each !== saying),
    ({ object }) => revisionIn(metadataOf(object)) ?? noRevision,
  );
  const all = [...byName]
    .map(([name, each]): InstalledRevision => {
      const targets = new Map(hooksOf(each).map(({ target }) => [target.key, target]));
      const configurations = each.map(({ object }) => object);
      return { name, targets: [...targets.values()], configurations };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const said =
    saying === undefined
      ? undefined
      : {
          where: whereOf(saying, ''),
          revision: revisionIn(metadataOf(saying.object)) ?? noRevision,
          isEmpty: hooksOf([saying]).length === 0,
        };
  const usual = byName.has(noRevision) ? noRevision : undefined;
  return { all, byDefault: defaultOf(said, { usual, byName }), said };
}

/** What names no revision comes to the installation without a name as well: it injects what the default did not. */
function defaultOf(
  said: Said | undefined,
  {
    usual,
    byName,
  }: { readonly usual: string | undefined; readonly byName: ReadonlyMap<string, unknown> },
): string | undefined {
  if (said === undefined || said.isEmpty) return usual;
  return byName.has(said.revision) ? said.revision : (usual ?? said.revision);
}

/** By whose configuration everything is judged: the one that is asked for, else the default, else the first. */
export function judgingRevision(subjects: readonly Subject[], asked: string | undefined): string {
  const { all, byDefault } = installedRevisions(subjects);
  return asked ?? byDefault ?? all[0]?.name ?? noRevision;
}

/** Whether each of its hooks has an authority by which the API server trusts it. */
export function hasAuthority({ configurations }: InstalledRevision): boolean {
  const subjects = configurations.map((object) => ({ object }));
  return hooksOf(subjects).every(({ caBundle }) => caBundle !== '');
}

/** The release or the manifests' version, where Helm's label says it. */
export function versionOfRevision({ configurations }: InstalledRevision): string | undefined {
  const labels = configurations.map((each) => objectAt(objectAt(each, 'metadata'), 'labels'));
  return labels
    .map((each) => stringAt(each, 'app.kubernetes.io/version'))
    .find((each) => each !== undefined);
}
