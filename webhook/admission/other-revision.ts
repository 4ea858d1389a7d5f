/** Objects that another installation injects: which of several it is, the hooks say first, and the engine again. */
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { revisionInStatus } from '../injection/status.ts';
import type { Located } from '../request/locate.ts';
import { revisionLabel, statusKey } from '../request/metadata-keys.ts';
import {
  installationWords,
  noRevision,
  revisionFault,
  revisionIn,
  revisionWords,
} from '../request/revision.ts';

/** Who decides. */
export interface OwnRevision {
  /** Empty for the installation without a name. */
  readonly name: string;
  /** Another one injects what names no revision. */
  readonly isReplaced: boolean;
  /** What the object's namespace names, where no API server has chosen by it; it may know a newer label than we do. */
  readonly ofNamespace?: string | undefined;
}

export interface LeftToOthers {
  readonly reason: 'other_revision' | 'revision_unknown';
  readonly message: string;
}

/** Why an object is left alone; undefined for one that is ours. */
export function otherRevision(
  { template }: Located,
  { name, isReplaced, ofNamespace }: OwnRevision,
): LeftToOthers | undefined {
  const label = revisionIn(objectAt(template, 'metadata'));
  const named = label ?? ofNamespace;
  if (named !== undefined) {
    const whose = label === undefined ? "its namespace's" : 'its';
    return namesAnother(named, name, whose);
  }
  // Our own hooks still see what names none; the default's is called before them, by its name.
  if (name !== noRevision || !isReplaced) return undefined;
  const injector = revisionInStatus(statusTextIn(template));
  if (injector === noRevision) return undefined;
  return left(`${revisionWords(injector)} has injected it, and is the default`);
}

function namesAnother(named: string, own: string, whose: string): LeftToOthers | undefined {
  const fault = revisionFault(named);
  if (fault !== undefined)
    return {
      reason: 'revision_unknown',
      message: `${whose} label ${revisionLabel} names "${named}", and no installation is called so (a name ${fault}): no webhook sees it, and its pods are refused; change the label, or take it away`,
    };
  if (named === own) return undefined;
  return left(
    `${whose} label names ${revisionWords(named)}, and this is ${installationWords(own)}`,
  );
}

function left(why: string): LeftToOthers {
  return { reason: 'other_revision', message: `left alone: ${why}` };
}

function statusTextIn(template: JsonObject): string {
  return stringAt(objectAt(objectAt(template, 'metadata'), 'annotations'), statusKey) ?? '';
}
