/** What a ban says, wherever it is kept, and which tokens it means. */
import type { Json } from '#kernel/json.ts';

/** In force from the moment it is on the list. */
export interface Ban {
  /** As the list names it, for the log. */
  readonly claim: string;
  /** Unix seconds; undefined: for good. */
  readonly untilS: number | undefined;
  /** Unix seconds: only tokens that were issued before are meant; undefined: all are. */
  readonly issuedBeforeS: number | undefined;
  readonly reason: string | undefined;
}

/** Whether it is over. */
export function hasEnded({ untilS }: Pick<Ban, 'untilS'>, nowS: number): boolean {
  return untilS !== undefined && untilS <= nowS;
}

/** Of the bans of one value, one that means a token. @param issuedAt its claim `iat`, as it stands there */
export function banMeaning<Held extends Pick<Ban, 'issuedBeforeS'>>(
  bans: readonly Held[],
  issuedAt: Json | undefined,
): Held | 'issued_at_missing' | 'not_banned' {
  const issuedAtS = typeof issuedAt === 'number' ? issuedAt : undefined;
  const met = bans.find(
    ({ issuedBeforeS }) =>
      issuedBeforeS === undefined || (issuedAtS !== undefined && issuedAtS < issuedBeforeS),
  );
  if (met !== undefined) return met;
  return bans.length > 0 && issuedAtS === undefined ? 'issued_at_missing' : 'not_banned';
}
