/** Objects of ours that no status names any more. A function of its input. */
import type { ConfigMapUser } from '../desired/desired.ts';
import { hashesIn, hashOfName, isOurName } from '../injection/hash.ts';
import { graceOf } from './grace.ts';

interface Stored {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

export interface UnusedInput {
  readonly users: readonly ConfigMapUser[];
  /** Those that carry our label. */
  readonly managed: Iterable<Stored>;
  /** Names that are wanted. */
  readonly desired: ReadonlySet<string>;
  /** Name → when it was first seen without a user; of the last look. */
  readonly unusedSinceMs: ReadonlyMap<string, number>;
  readonly nowMs: number;
  readonly graceMs: number;
}

export interface Removal extends Stored {
  readonly kind: 'remove';
}

export interface UnusedPlan {
  readonly steps: readonly Removal[];
  readonly unusedSinceMs: ReadonlyMap<string, number>;
  /** When to look again although nothing changes. */
  readonly againInMs: number | undefined;
}

/**
 * One that nobody uses is removed after a grace: its user may be about to appear. Its name must be ours as well: a label
 * alone is too easily given to something else.
 */
export function planUnused(input: UnusedInput): UnusedPlan {
  const { users, desired, nowMs, graceMs } = input;
  // Who is not read may need any of them.
  if (users.some(({ isStatusWithheld }) => isStatusWithheld === true))
    return { steps: [], unusedSinceMs: new Map(), againInMs: undefined };
  const mentioned = mentionedHashes(users);
  const isUnused = ({ name }: Stored): boolean =>
    isOurName(name) && !desired.has(name) && !mentioned.has(hashOfName(name));
  const unused = [...input.managed].filter(isUnused);
  const times = { sinceMs: input.unusedSinceMs, nowMs, graceMs };
  const { over, sinceMs, againInMs } = graceOf(unused, ({ name }) => name, times);
  const steps = over.map(({ name, uid, resourceVersion }): Removal => {
    return { kind: 'remove', name, uid, resourceVersion };
  });
  return { steps, unusedSinceMs: sinceMs, againInMs };
}

/**
 * Something may be in use though it cannot be made now (its source is gone or broken): the last good one then stays.
 * The status is JSON that names it; finding its hash anywhere in the text errs on the side of keeping.
 */
function mentionedHashes(users: readonly ConfigMapUser[]): ReadonlySet<string> {
  // Replicas carry the same text; each is gone through once.
  const texts = new Set(users.map((user) => user.status));
  return new Set([...texts].flatMap((text) => hashesIn(text)));
}
