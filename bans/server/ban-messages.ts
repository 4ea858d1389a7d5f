/** Bans between HTTP and the store. */
import { kindOfBan } from '../../sidecar/config/ban-records.ts';
import type { BanAddress } from '../service/ban-address.ts';
import { Problem } from '../service/problem.ts';
import { banBody, shaped, type AnsweredBan } from '../service/service-shapes.ts';
import { isAhead, type BanToWrite, type StoredBan } from '../store/ban-store.ts';

const ahead =
  'issuedBefore: it is in the future; give the time of now, or leave it out to ban all tokens until an end';

/** A ban as it is asked for. @throws {Problem} */
export function banToWrite(
  { claim, value }: BanAddress,
  body: unknown,
  { by, nowS }: { readonly by: string | undefined; readonly nowS: number },
): BanToWrite {
  const { until, forSeconds, issuedBefore, reason } = shaped(banBody, body ?? {}, 'body_invalid');
  const untilS = forSeconds === undefined ? secondsOf(until) : nowS + forSeconds;
  if (untilS !== undefined && untilS <= nowS)
    throw new Problem('body_invalid', 'until: it has passed already; DELETE ends a ban');
  const issuedBeforeS = secondsOf(issuedBefore);
  if (isAhead({ issuedBeforeS }, nowS)) throw new Problem('body_invalid', ahead);
  return { claim, value, untilS, issuedBeforeS, reason, by, atS: nowS };
}

export function banAsAnswered(ban: StoredBan): AnsweredBan {
  const { claim, value, untilS, issuedBeforeS, reason, by, atS } = ban;
  return {
    claim,
    value,
    kind: kindOfBan(ban),
    until: instantOf(untilS),
    issuedBefore: instantOf(issuedBeforeS),
    reason,
    by,
    at: instantOf(atS),
  };
}

/** Tells one ban from another. Where the store holds hashes, those that are alike in all else are one. */
export function nameOfBan(ban: StoredBan): string {
  const { claim, value, untilS, issuedBeforeS, reason, by, atS } = ban;
  return JSON.stringify(
    value === undefined
      ? [claim, untilS, issuedBeforeS, reason, by, atS]
      : [kindOfBan(ban), claim, value],
  );
}

function secondsOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text) / 1_000;
}

/** RFC 3339. */
export function instantOf(seconds: number | undefined): string | undefined {
  return seconds === undefined ? undefined : new Date(Math.round(seconds * 1_000)).toISOString();
}
