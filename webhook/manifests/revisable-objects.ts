/** Which objects of an input become a revision's: the injector's own manifests, as they were before any revision. */
import { AppError } from '#kernel/errors.ts';
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { nameLabel, noRevision, ownName, revisionIn } from '../request/revision.ts';
import { isInjectors } from './revise-manifests.ts';

export interface RevisableObjects {
  readonly own: readonly JsonObject[];
  /** Those that are left out, as `Kind name`. */
  readonly shared: readonly string[];
  readonly foreign: readonly string[];
}

interface Found {
  readonly object: JsonObject;
  /** `file: Kind name`. */
  readonly where: string;
}

/** Of one file: the objects in it, those of Lists one by one. */
export interface ReadFile {
  readonly name: string;
  readonly objects: readonly JsonObject[];
}

/** @throws {AppError} USAGE for what is a revision's already, and for what a cluster has stored */
export function revisableObjects(files: readonly ReadFile[]): RevisableObjects {
  const found = files.flatMap(({ name, objects }) =>
    objects.map((object): Found => ({ object, where: `${name}: ${shown(object)}` })),
  );
  const svidecars = found.filter(({ object }) => labelsOf(object)[nameLabel] === ownName);
  for (const one of svidecars) refuseUnfit(one);
  const own = svidecars.filter(({ object }) => isInjectors(object));
  const others = found.filter((one) => !own.includes(one));
  const isShared = ({ object }: Found): boolean =>
    object['kind'] === 'Namespace' || labelsOf(object)[nameLabel] === ownName;
  return {
    own: own.map(({ object }) => object),
    shared: others.filter(isShared).map(({ object }) => shown(object)),
    foreign: others.filter((one) => !isShared(one)).map(({ object }) => shown(object)),
  };
}

function labelsOf(object: JsonObject): JsonObject {
  return objectAt(objectAt(object, 'metadata'), 'labels');
}

function shown(object: JsonObject): string {
  const name = stringAt(objectAt(object, 'metadata'), 'name') ?? 'without a name';
  return `${stringAt(object, 'kind') ?? 'an object of no kind'} ${name}`;
}

/** @throws {AppError} USAGE */
function refuseUnfit({ object, where }: Found): void {
  const metadata = objectAt(object, 'metadata');
  const revision = revisionIn(metadata) ?? noRevision;
  if (revision !== noRevision)
    throw new AppError(
      'USAGE',
      `${where} is of revision ${revision} already; give it svidecar's manifests as they are before: what kubectl kustomize, or helm template without a revision, prints of them`,
    );
  if (stringAt(metadata, 'uid') !== undefined)
    throw new AppError(
      'USAGE',
      `${where} is as a cluster has stored it (metadata.uid), with addresses and an authority of its own; give it svidecar's manifests: what kubectl kustomize prints of them, not kubectl get`,
    );
}
