/** How long certificates live, and the limits of these settings. Pure. */
import { AppError } from '#kernel/errors.ts';

export interface Lives {
  /** Seconds of a leaf's life. */
  readonly leafS: number;
  /** Seconds of an authority's life. */
  readonly authorityS: number;
  /** Seconds that an authority must have been in every caBundle before anything is signed by it. */
  readonly settleS: number;
}

const minuteS = 60;
const dayS = 24 * 60 * minuteS;
/** Shorter, and a node whose clock is some seconds off would refuse what was just signed. */
const shortestLeafS = minuteS;
/** A leaf is renewed automatically: there is no reason for a longer one. */
const longestLeafS = 90 * dayS;
const longestAuthorityS = 10 * 365 * dayS;
/** An authority is replaced at two thirds of its life: the remaining third is then no shorter than a leaf's life. */
const leavesInAuthority = 3;
/** An API server learns of a new caBundle within a second; one that is starting or has lost its watch within some ten. */
const usualSettleS = minuteS;
/** A leaf's last third must hold the wait for a new authority, twice over. */
const settlesInLeaf = 6;

/** As cert-manager's own webhook: a week for the leaf, a year for the authority. */
export const defaultLives: Lives = Object.freeze(livesOf({}));

/** Fills in what is not set: the wait is a minute, or a twelfth of a short leaf's life. */
function livesOf(set: Partial<Lives>): Lives {
  const leafS = set.leafS ?? 7 * dayS;
  const authorityS = set.authorityS ?? Math.max(365 * dayS, leafS * leavesInAuthority);
  const settleS = set.settleS ?? Math.min(usualSettleS, leafS / (2 * settlesInLeaf));
  return { leafS, authorityS, settleS };
}

/** Lives that an operator set. @throws {AppError} USAGE, naming the setting and what is allowed */
export function checkedLives(set: Partial<Lives>): Lives {
  const lives = livesOf(set);
  const { leafS, authorityS, settleS } = lives;
  must(leafS >= shortestLeafS && leafS <= longestLeafS, '--leaf-life must be from 1m to 90d');
  must(
    authorityS >= leafS * leavesInAuthority && authorityS <= longestAuthorityS,
    '--ca-life must be at least three times --leaf-life, and at most 3650d',
  );
  must(
    settleS >= 1 && settleS * settlesInLeaf <= leafS,
    '--certificate-settle must be from 1s to a sixth of --leaf-life',
  );
  return lives;
}

function must(isSo: boolean, message: string): void {
  if (!isSo) throw new AppError('USAGE', message);
}

/** Part of a life after which a certificate is replaced. */
const renewAt = 2 / 3;

/** Unix seconds from which a certificate is due. A life longer than the current setting counts as the set one. */
export function dueAtS(
  life: { readonly notBefore: number; readonly notAfter: number },
  setS: number,
): number {
  return life.notBefore + Math.min(life.notAfter - life.notBefore, setS) * renewAt;
}

/**
 * Seconds by which a certificate begins before it was made: the clock of an API server may be a little behind ours.
 * Five minutes, or a tenth of a short life.
 */
export function backdateS(lifeS: number): number {
  return Math.min(5 * minuteS, lifeS / 10);
}
