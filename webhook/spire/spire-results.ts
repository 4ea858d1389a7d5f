/** What became of each item of a batch, read from SPIRE's status of it. */
import { status } from '@grpc/grpc-js';
import { entryOf } from './entry-messages.ts';
import type { Entry, Status } from './gen/messages.ts';
import { statusName } from './spire-failure.ts';
import type { DeleteResult, EntryResult, RelationshipResult } from './spire-server-api.ts';

interface OfEntry {
  readonly status: Status | undefined;
  readonly entry: Entry | undefined;
}

export function entryResultOf({ status: said, entry }: OfEntry): EntryResult {
  if (said?.code === status.ALREADY_EXISTS) {
    return { kind: 'exists', similar: entry === undefined ? undefined : entryOf(entry) };
  }
  if (said?.code === status.NOT_FOUND) return { kind: 'missing' };
  if (said?.code === status.OK && entry !== undefined) {
    return { kind: 'done', entry: entryOf(entry) };
  }
  return refused(said);
}

export function deleteResultOf({
  status: said,
}: {
  readonly status: Status | undefined;
}): DeleteResult {
  const isGone = said?.code === status.OK || said?.code === status.NOT_FOUND;
  return isGone ? { kind: 'gone' } : refused(said);
}

export function relationshipResultOf(said: Status | undefined): RelationshipResult {
  if (said?.code === status.OK) return { kind: 'done' };
  return said?.code === status.NOT_FOUND ? { kind: 'missing' } : refused(said);
}

/** Characters: words of SPIRE may quote what they are about. */
const maxWords = 500;

function refused(said: Status | undefined): {
  readonly kind: 'refused';
  readonly code: string;
  readonly words: string;
} {
  const { code = status.UNKNOWN, message = 'no status' } = said ?? {};
  return { kind: 'refused', code: statusName(code), words: message.slice(0, maxWords) };
}
