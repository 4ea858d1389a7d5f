/**
 * A connection to a store as a program, for both runtimes: writes a JSON line for each event and each answer, with the
 * time of it, and reads commands from standard input, a JSON line each. Its argument: the settings.
 */
import { createInterface } from 'node:readline';
import { messageOf } from '#kernel/errors.ts';
import { redisStore } from '../../sidecar/config/redis-settings.ts';
import { openStore } from '../../sidecar/redis/kept-store.ts';
import { systemTimers } from '../../sidecar/workload-api/system-timers.ts';

/** What is asked of it: one of these. */
export interface StoreQuestion {
  readonly read?: readonly string[];
  readonly readAll?: true;
  readonly deadlineMs: number;
}

/** What it says. */
export interface StoreLine {
  readonly kind: 'up' | 'down' | 'changed' | 'answer' | 'fault';
  /** Unix milliseconds. */
  readonly atMs: number;
  /** Of `changed`: the keys, or `all`. Of an answer: the values, or how many keys there are. Else: why. */
  readonly says: unknown;
}

function say(kind: StoreLine['kind'], says: unknown = ''): void {
  console.log(JSON.stringify({ kind, atMs: Date.now(), says }));
}

const given: unknown = JSON.parse(process.argv[2] ?? '{}');
const settings = redisStore.parse({ redis: given }).redis;
const store = openStore(
  settings,
  {
    onUp: () => {
      say('up');
    },
    onDown: (why) => {
      say('down', why);
    },
    onChanged: (keys) => {
      say('changed', keys);
    },
  },
  { timers: systemTimers, random: Math.random },
);

async function answerTo({ read, deadlineMs }: StoreQuestion): Promise<unknown> {
  if (read !== undefined) return await store.read(read, deadlineMs);
  const found: string[] = [];
  await store.readAll((records) => found.push(...records.map(({ key }) => key)));
  return found.sort();
}

createInterface(process.stdin)
  .on('line', (line) => {
    // The test's own lines.
    answerTo(JSON.parse(line) as StoreQuestion).then(
      (answer) => {
        say('answer', answer);
      },
      (thrown: unknown) => {
        say('fault', messageOf(thrown));
      },
    );
  })
  .on('close', () => {
    // Nothing may be left then that keeps the process alive.
    void store.close();
  });
