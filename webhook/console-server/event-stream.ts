/**
 * Events for one page. Nothing is queued: a reader that is slow gets, once it reads on, the newest state of all that has
 * changed meanwhile, as one event.
 */
import type { ServerResponse } from 'node:http';
import { eventText } from '../console/read-events.ts';
import type { ConsoleEvent } from '../console/console-model.ts';
import type { RunName, RunState } from '../console/console-reports.ts';
import type { ConsoleDesk } from '../console-cluster/console-desk.ts';

export interface StreamParts {
  readonly desk: Pick<ConsoleDesk, 'onRun'> & {
    readonly cluster: Pick<ConsoleDesk['cluster'], 'board' | 'onChange' | 'standing'>;
  };
  /** Names this server's moments: those of another mean nothing here. */
  readonly epoch: string;
  /** Seconds since the Unix epoch. */
  readonly nowS: () => number;
}

const beatMs = 5_000;
/** Milliseconds after which a reader that reads nothing is given up. */
const stuckMs = 60_000;

/** `EPOCH.MOMENT`. */
export function versionAt(epoch: string, moment: number): string {
  return `${epoch}.${moment}`;
}

/** Undefined for a version of another server, or none. */
function momentOf(version: string | undefined, epoch: string): number | undefined {
  const prefix = `${epoch}.`;
  if (version?.startsWith(prefix) !== true) return undefined;
  const moment = Number(version.slice(prefix.length));
  return Number.isSafeInteger(moment) && moment >= 0 ? moment : undefined;
}

export class EventStream {
  readonly #parts: StreamParts;
  readonly #response: ServerResponse;
  readonly #ends: (() => void)[] = [];
  /** What is to be told beside the board, newest state only. */
  readonly #marks = new Set<'cluster' | 'certificates' | 'bans'>();
  readonly #runs = new Map<RunName, RunState>();
  #moment: number;
  #isReset: boolean;
  #isFull = false;
  #fullSinceMs = 0;
  #isEnded = false;

  constructor(response: ServerResponse, since: string | undefined, parts: StreamParts) {
    this.#parts = parts;
    this.#response = response;
    const moment = momentOf(since, parts.epoch);
    this.#moment = moment ?? parts.desk.cluster.board.moment;
    // Without a version everything is new to the page, which has asked for nothing yet.
    this.#isReset = since !== undefined && moment === undefined;
  }

  /** Until either side ends it. */
  start(): void {
    const { desk } = this.#parts;
    this.#ends.push(
      desk.cluster.onChange((change) => {
        if (change !== 'board') this.#marks.add(change);
        this.#flush();
      }),
      desk.onRun((run, state) => {
        this.#runs.set(run, state);
        this.#flush();
      }),
    );
    const beats = setInterval(() => {
      this.#beat();
    }, beatMs);
    this.#ends.push(() => {
      clearInterval(beats);
    });
    this.#response.on('drain', () => {
      this.#isFull = false;
      this.#flush();
    });
    this.#response.on('close', () => {
      this.end();
    });
    this.#beat();
    this.#marks.add('cluster');
    this.#flush();
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (const end of this.#ends) end();
    this.#response.end();
  }

  #beat(): void {
    if (!this.#isFull) {
      const version = versionAt(this.#parts.epoch, this.#moment);
      this.#write({ kind: 'beat', nowS: this.#parts.nowS(), version });
    } else if (performance.now() - this.#fullSinceMs > stuckMs) this.#response.destroy();
  }

  #flush(): void {
    if (this.#isFull || this.#isEnded) return;
    for (const mark of this.#marks) {
      this.#marks.delete(mark);
      const { standing } = this.#parts.desk.cluster;
      this.#write(mark === 'cluster' ? { kind: mark, cluster: standing } : { kind: mark });
    }
    for (const [run, state] of this.#runs) {
      this.#runs.delete(run);
      this.#write({ kind: 'run', run, state });
    }
    this.#flushBoard();
  }

  #flushBoard(): void {
    const { desk, epoch } = this.#parts;
    const { board } = desk.cluster;
    if (this.#isFull) return;
    if (this.#isReset) {
      this.#isReset = false;
      this.#write({ kind: 'reset' });
      this.#moment = board.moment;
      return;
    }
    if (board.moment === this.#moment) return;
    const change = board.changesSince(this.#moment);
    this.#moment = board.moment;
    if (change === undefined) this.#write({ kind: 'reset' });
    else this.#write({ kind: 'changed', version: versionAt(epoch, this.#moment), ...change });
  }

  #write(event: ConsoleEvent): void {
    if (this.#response.write(eventText(event)) || this.#isFull) return;
    this.#isFull = true;
    this.#fullSinceMs = performance.now();
  }
}
