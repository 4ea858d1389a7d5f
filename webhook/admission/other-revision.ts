/** Objects that another installation injects: which of several it is, the hooks say first, and the engine again. */
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { revisionInStatus } from '../injection/status.ts';
import type { Located } from '../request/locate.ts';
import { statusKey } from '../request/metadata-keys.ts';
import { noRevision, revisionIn, revisionWords } from '../request/revision.ts';

/** Who decides. */
export interface OwnRevision {
  /** Empty for the installation without a name. */
  readonly name: string;
  /** Another one injects what names no revision. */
  readonly isReplaced: boolean;
}

/**
 * Why an object is left alone; undefined for one that is ours. A namespace's label is not looked at: the API server has
 * chosen our hook by it, and may know a newer one than we do.
 */
export function otherRevision(
  { template }: Located,
  { name, isReplaced }: OwnRevision,
): string | undefined {
  const label = revisionIn(objectAt(template, 'metadata'));
  if (label !== undefined && label !== name)
    return `its label names ${revisionWords(label)}, and this is ${revisionWords(name)}`;
  // Our own hooks still see what names none; the default's is called before them, by its name.
  if (name !== noRevision || !isReplaced || label !== undefined) return undefined;
  const injector = revisionInStatus(statusTextIn(template));
  return injector === noRevision
    ? undefined
    : `${revisionWords(injector)} has injected it, and is the default`;
}

function statusTextIn(template: JsonObject): string {
  return stringAt(objectAt(objectAt(template, 'metadata'), 'annotations'), statusKey) ?? '';
}
