/** Times as people read them: how much of a life is left, and how long ago something was (pure). */

export interface LifeLeft {
  /** Of the whole life, 0 to 1; undefined where its beginning is not known. */
  readonly share: number | undefined;
  readonly words: string;
  /** `short`: less than a fifth is left, so a renewal at half life has failed. */
  readonly state: 'good' | 'short' | 'over';
}

export interface Lifetime {
  /** Unix seconds. */
  readonly fromS: number | undefined;
  /** Unix seconds. */
  readonly untilS: number;
}

/** Renewed at half life: below this, renewals have failed for a while. */
const shortShare = 0.2;
/** Seconds; counts as short where the beginning is not known. */
const shortS = 60;

export function lifeLeft({ fromS, untilS }: Lifetime, nowS: number): LifeLeft {
  const leftS = untilS - nowS;
  const wholeS = fromS === undefined ? undefined : untilS - fromS;
  const share = wholeS === undefined || wholeS <= 0 ? undefined : clamped(leftS / wholeS);
  const whole = wholeS === undefined || wholeS <= 0 ? '' : ` of ${lengthOf(wholeS)}`;
  if (leftS <= 0) return { share, words: `ended ${lengthOf(-leftS)} ago`, state: 'over' };
  const isShort = share === undefined ? leftS < shortS : share < shortShare;
  return { share, words: `${lengthOf(leftS)} left${whole}`, state: isShort ? 'short' : 'good' };
}

function clamped(share: number): number {
  return Math.min(1, Math.max(0, share));
}

const units: readonly (readonly [name: string, seconds: number])[] = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
];

/** `3 d 4 h`, `12 min`, `8 s`: two units at most, as `kubectl get` has ages. */
export function lengthOf(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const at = units.findIndex(([, unit]) => whole >= unit);
  const [name, unit] = units[at] ?? ['s', 1];
  const next = units[at + 1];
  const first = `${Math.floor(whole / unit)} ${name}`;
  const rest = next === undefined ? 0 : Math.floor((whole % unit) / next[1]);
  // Minutes and seconds together would flicker for nothing.
  if (next === undefined || rest === 0 || unit <= 60) return first;
  return `${first} ${rest} ${next[0]}`;
}

/** `12 min ago`; `now` within a second; `in 3 d` for what a clock that is off has written. */
export function agoOf(atS: number, nowS: number): string {
  const seconds = nowS - atS;
  if (seconds <= -60) return `in ${lengthOf(-seconds)}`;
  return seconds < 1 ? 'now' : `${lengthOf(seconds)} ago`;
}

/** `2026-11-30 14:03:20 UTC`. */
export function utcOf(unixS: number): string {
  return `${new Date(unixS * 1_000).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
