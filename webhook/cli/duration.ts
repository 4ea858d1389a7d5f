/** Durations on the command line. */
import { AppError } from '#kernel/errors.ts';

const secondsOf: ReadonlyMap<string, number> = new Map([
  ['s', 1],
  ['m', 60],
  ['h', 3_600],
  ['d', 86_400],
]);

/** `90s`, `10m`, `24h` or `7d`, in seconds. @throws {AppError} USAGE */
export function parseDuration(text: string): number {
  const [, number, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const seconds = secondsOf.get(unit);
  if (seconds !== undefined) return Number(number) * seconds;
  throw new AppError('USAGE', `${text}: write a duration such as 90s, 10m, 24h or 7d`);
}
