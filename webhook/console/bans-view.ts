/** Lists of bans as a page shows them: how many there are, why, and until when; never whom. */
import { printable } from '#kernel/text.ts';
import type { BansShown, BanView } from './console-reports.ts';
import { withoutSecrets } from './hide-secrets.ts';

/** What is shown of a ban. @see BanRecord of sidecar/config; its value is not among this */
export interface BanToShow {
  /** By which it can be lifted. */
  readonly id: string;
  readonly claim: string;
  readonly reason?: string | undefined;
  readonly untilS?: number | undefined;
  readonly issuedBeforeS?: number | undefined;
  readonly atS?: number | undefined;
}

/** Bans, and reasons, that a page shows of one list. */
const maxShown = 1_000;
const maxReasons = 100;
/** Of a ban that says none. */
const withoutReason = '';

export class BanTally {
  #count = 0;
  readonly #reasons = new Map<string, number>();
  /** Those that end first; at most twice as many as are shown. */
  #shown: BanToShow[] = [];

  add(ban: BanToShow): void {
    this.#count += 1;
    const reason = ban.reason ?? withoutReason;
    const known = this.#reasons.get(reason);
    // A list with as many reasons as bans must not become a list of all of them.
    if (known !== undefined || this.#reasons.size < 10 * maxReasons)
      this.#reasons.set(reason, (known ?? 0) + 1);
    this.#shown.push(ban);
    if (this.#shown.length >= 2 * maxShown) this.#shown = firstEnding(this.#shown);
  }

  /** Ids of those that are shown. */
  shown(): readonly string[] {
    return firstEnding(this.#shown).map(({ id }) => id);
  }

  view(): BansShown {
    const byReason = [...this.#reasons]
      .map(([reason, count]) => ({ reason: shownReason(reason), count }))
      .toSorted((one, other) => other.count - one.count)
      .slice(0, maxReasons);
    return { count: this.#count, byReason, shown: firstEnding(this.#shown).map(viewOf) };
  }
}

function firstEnding(bans: readonly BanToShow[]): BanToShow[] {
  const end = ({ untilS }: BanToShow): number => untilS ?? Number.MAX_VALUE;
  return bans.toSorted((one, other) => end(one) - end(other)).slice(0, maxShown);
}

function viewOf({ id, claim, reason, untilS, issuedBeforeS, atS }: BanToShow): BanView {
  return {
    id,
    claim,
    ...(reason === undefined ? {} : { reason: shownReason(reason) }),
    ...(untilS === undefined ? {} : { untilS }),
    ...(issuedBeforeS === undefined ? {} : { issuedBeforeS }),
    ...(atS === undefined ? {} : { bannedS: atS }),
  };
}

/** Written by whoever bans, often a program. */
function shownReason(reason: string): string {
  return printable(withoutSecrets(reason));
}
