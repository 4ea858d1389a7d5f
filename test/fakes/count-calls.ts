/** How often each piece of our code runs: the same on every machine, which no measured time is. */
import { Session } from 'node:inspector';
import type { Profiler } from 'node:inspector';

/** `webhook/envoy/reach.ts follow (1234)` → how often its most frequent part ran. */
export type Calls = ReadonlyMap<string, number>;

/**
 * Begins to count. Only code that is loaded afterwards is counted rightly: load it by `import()`.
 * @returns what counts one run, which must not wait for anything
 */
export function startCounting(): (run: () => void) => Calls {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  return (run) => {
    callsSince(session);
    run();
    return callsSince(session);
  };
}

/** Since it was asked last. */
function callsSince(session: Session): Calls {
  const calls = new Map<string, number>();
  session.post('Profiler.takePreciseCoverage', (fault, { result }) => {
    if (fault !== null) throw new Error(`calls cannot be counted: ${fault.message}`);
    for (const script of result) addScript(script, calls);
  });
  return calls;
}

function addScript({ url, functions }: Profiler.ScriptCoverage, calls: Map<string, number>): void {
  const [, file] = /\/((?:webhook|sidecar|certs|bans)\/[^?]+\.ts)/.exec(url) ?? [];
  if (file === undefined) return;
  for (const { functionName, ranges } of functions) {
    const name = functionName === '' ? 'a callback' : functionName;
    const most = Math.max(...ranges.map(({ count }) => count));
    calls.set(`${file} ${name} (${ranges[0]?.startOffset ?? 0})`, most);
  }
}

/**
 * Pieces that run more than `most` times as often in the larger one, and often at all. Those that did not run in the
 * smaller one do not count: V8 forgets code, and what it counted, that was not used for a while.
 */
export function overgrown(
  small: Calls,
  large: Calls,
  { most, atLeast }: { readonly most: number; readonly atLeast: number },
): readonly string[] {
  return [...large]
    .filter(([name, count]) => count >= atLeast && count > most * (small.get(name) ?? count))
    .map(([name, count]) => `${name}: ${small.get(name) ?? 0} → ${count}`);
}
