/** How long something takes, where other tests use the cores as well: a core that was taken away looks like work that takes long. */

/** How many times as long as a promise says may be waited for it. With SVIDECAR_QUIET, on a machine that does nothing else: once. */
export const slowness = process.env['SVIDECAR_QUIET'] === undefined ? 10 : 1;

const mostRounds = 5;

/**
 * Measures again until it is below what is promised, five times at most: the best round is the one that the product answers for.
 * @param measure gets the number of the round, from 0
 * @returns the least that was measured
 */
export async function bestRound(
  promised: number,
  measure: (round: number) => Promise<number>,
): Promise<number> {
  let least = Infinity;
  for (let round = 0; round < mostRounds && least >= promised; round += 1)
    least = Math.min(least, await measure(round));
  return least;
}
