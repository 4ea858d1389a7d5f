/** The engine's decision about everything in some facts, with turns for others in between: a page is answered meanwhile. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { askersIn, assess, type Assessed } from '../checks/assess.ts';
import type { ClusterFacts } from '../checks/facts.ts';

/** Objects at once: some milliseconds each. */
const atOnce = 20;

export async function assessInTurns(facts: ClusterFacts): Promise<readonly Assessed[]> {
  const askers = askersIn(facts);
  const assessed: Assessed[] = [];
  for (let at = 0; at < askers.length; at += atOnce) {
    assessed.push(...assess(facts, askers.slice(at, at + atOnce)));
    await nextTurn();
  }
  return assessed;
}
