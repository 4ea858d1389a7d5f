/** What we wrote last under each name, and how often others have changed it since: so that nobody overwrites without end. */
import type { ClusterLimits } from './cluster-limits.ts';

/** The version that it became: not written again if others add to it. */
interface Written {
  readonly digest: string;
  readonly resourceVersion: string;
  /** How often in a row somebody else has changed it, and when it may be repaired again. */
  readonly contests: number;
  readonly notBeforeMs: number;
}

/** One object, and the digest of what is wanted there. */
export interface Contested {
  readonly namespace: string;
  readonly name: string;
  readonly digest: string;
}

export type ContestLimits = Pick<
  ClusterLimits,
  'firstContestMs' | 'lastContestMs' | 'contestOverMs'
>;

export class Contests {
  readonly #limits: ContestLimits;
  /** By `namespace/name`. */
  readonly #written = new Map<string, Written>();

  constructor(limits: ContestLimits) {
    this.#limits = limits;
  }

  /** Whether the version that is there is the one that we wrote. */
  isWritten({ digest, ...object }: Contested, resourceVersion: string | undefined): boolean {
    const last = this.#written.get(keyOf(object));
    return last?.digest === digest && last.resourceVersion === resourceVersion;
  }

  /**
   * Milliseconds until it may be put right: at once after the first foreign change, later and later after the next. Two
   * versions of svidecar, or of its configuration, would otherwise overwrite each other without end.
   */
  waitMs({ digest, ...object }: Contested, nowMs: number): number {
    const last = this.#written.get(keyOf(object));
    return last?.digest === digest ? Math.max(0, last.notBeforeMs - nowMs) : 0;
  }

  /** It was written, and is of this version now. */
  wrote({ digest, ...object }: Contested, resourceVersion: string, nowMs: number): void {
    const key = keyOf(object);
    const contest = this.#contestOf(this.#written.get(key), digest, nowMs);
    this.#written.set(key, { ...contest, digest, resourceVersion });
  }

  forget(object: Omit<Contested, 'digest'>): void {
    this.#written.delete(keyOf(object));
  }

  #contestOf(
    last: Written | undefined,
    digest: string,
    nowMs: number,
  ): Pick<Written, 'contests' | 'notBeforeMs'> {
    const { firstContestMs, lastContestMs, contestOverMs } = this.#limits;
    const isOver = nowMs - (last?.notBeforeMs ?? 0) > contestOverMs;
    if (last?.digest !== digest || isOver) return { contests: 0, notBeforeMs: nowMs };
    const contests = last.contests + 1;
    const delayMs = Math.min(lastContestMs, firstContestMs * 2 ** (contests - 1));
    return { contests, notBeforeMs: nowMs + delayMs };
  }
}

function keyOf({ namespace, name }: Omit<Contested, 'digest'>): string {
  return `${namespace}/${name}`;
}
