/** The lists of bans in use, one for each file, followed while they change and kept through reloads. */
import { setImmediate as others } from 'node:timers/promises';
import type { Clock } from '#kernel/clock.ts';
import { AppError, messageOf } from '#kernel/errors.ts';
import type { Log, MetricFamily } from '#kernel/observe.ts';
import type { BanList } from '../authz/ban-rule.ts';
import type { LookupResult } from '../authz/lookup.ts';
import type { BanTable } from '../config/ban-list.ts';
import { hasEnded, type Ban } from '../config/ban-meaning.ts';
import { banListLimits } from '../config/ban-values.ts';
import { listGauges } from './ban-metrics.ts';
import { KeptInUse } from './kept-in-use.ts';
import { loadedReaders, writtenReaders } from './load-settings.ts';
import { followFile, readStart } from './follow-file.ts';

export interface BanListContext {
  readonly log: Log;
  readonly timers: Clock;
}

export class BanLists {
  readonly #context: BanListContext;
  readonly #byFile = new KeptInUse<FollowedBanList>();

  constructor(context: BanListContext) {
    this.#context = context;
  }

  /** @see KeptInUse.settingUp */
  settingUp<T>(setUp: () => T): T {
    return this.#byFile.settingUp(setUp);
  }

  listIn(file: string): BanList {
    return this.#byFile.get(file, () => new FollowedBanList(file, this.#context));
  }

  families(): readonly MetricFamily[] {
    const lists = [...this.#byFile.entries()];
    if (lists.length === 0) return [];
    const gauge = (
      [name, help]: readonly [string, string],
      valueOf: (list: FollowedBanList) => number,
    ) => ({
      name,
      help,
      type: 'gauge' as const,
      samples: lists.map(([file, list]) => ({ labels: { file }, value: valueOf(list) })),
    });
    return [
      gauge(listGauges.bans, ({ size }) => size),
      gauge(listGauges.loadedAt, ({ loadedAtS }) => loadedAtS),
      this.#ages(lists),
      {
        name: 'svidecar_ban_list_loads_total',
        help: 'Lists of bans that were read, by result. A refused one leaves the one before in force.',
        type: 'counter',
        samples: lists.flatMap(([file, { loads }]) => [
          { labels: { file, result: 'accepted' }, value: loads.accepted },
          { labels: { file, result: 'refused' }, value: loads.refused },
        ]),
      },
    ];
  }

  close(): void {
    this.#byFile.close();
  }

  /** None of a file that was never there: so it is where nobody was ever banned. */
  #ages(lists: readonly (readonly [string, FollowedBanList])[]): MetricFamily {
    const [name, help] = listGauges.age;
    const samples = lists.flatMap(([file, { ageS }]) =>
      ageS === undefined ? [] : [{ labels: { file }, value: ageS }],
    );
    return { name, help, type: 'gauge', samples };
  }
}

const notKnown: LookupResult<never> = { kind: 'not_known' };

class FollowedBanList implements BanList {
  readonly #file: string;
  readonly #context: BanListContext;
  readonly #stop: () => void;
  #table: BanTable | undefined;
  #newest = 0;
  /** When what is in force was known to be what the file holds. */
  #trueAtMs: number;
  #isReadable = false;
  /** The newest text is not in force. */
  #isBehind = false;
  loadedAtS = 0;
  readonly loads = { accepted: 0, refused: 0 };

  constructor(file: string, context: BanListContext) {
    this.#file = file;
    this.#context = context;
    this.#trueAtMs = context.timers.now();
    this.#stop = followFile(file, {
      known: undefined,
      onText: (text) => void this.#take(text),
      onLook: (isReadable) => {
        this.#isReadable = isReadable;
        this.#noteTrue();
      },
      read: (path) => readStart(path, banListLimits.bytes),
    });
    if (this.#newest === 0)
      context.log.warn({ file }, 'there is no list of bans yet: nobody is banned');
  }

  get isLoaded(): boolean {
    return this.#table !== undefined;
  }

  get size(): number {
    return this.#table?.size ?? 0;
  }

  /** Seconds since what is in force was known to be what the file holds; undefined before there was one. */
  get ageS(): number | undefined {
    if (this.#newest === 0) return undefined;
    if (this.#isReadable && !this.#isBehind) return 0;
    const { timers } = this.#context;
    return Math.max(0, Math.floor((timers.now() - this.#trueAtMs) / 1_000));
  }

  find(key: string, nowS: number): LookupResult<readonly Ban[]> {
    const bans = this.#table?.get(key);
    if (bans === undefined) return notKnown;
    const inForce = bans.filter((ban) => !hasEnded(ban, nowS));
    return inForce.length === 0 ? notKnown : { kind: 'listed', entry: inForce };
  }

  close(): void {
    this.#newest = Infinity;
    this.#stop();
  }

  #noteTrue(): void {
    if (this.#isReadable && !this.#isBehind) this.#trueAtMs = this.#context.timers.now();
  }

  /** Checks are answered between two pieces of the list; a newer text ends the reading of an older one. */
  async #take(text: string): Promise<void> {
    this.#newest += 1;
    this.#isBehind = true;
    const turn = this.#newest;
    const { log } = this.#context;
    try {
      if (Buffer.byteLength(text) > banListLimits.bytes) throw tooLarge(this.#file);
      const { readBanList } = loadedReaders() ?? (await writtenReaders());
      if (turn !== this.#newest) return;
      const reading = readBanList(text, this.#file);
      let step = reading.next();
      for (; step.done !== true; step = reading.next()) {
        await others();
        if (turn !== this.#newest) return;
      }
      this.#table = step.value;
      this.#isBehind = false;
      this.#noteTrue();
      this.loads.accepted += 1;
      this.loadedAtS = Math.floor(this.#context.timers.now() / 1_000);
      log.info({ file: this.#file, values: this.size }, 'list of bans read');
    } catch (thrown) {
      this.loads.refused += 1;
      const kept = this.isLoaded ? 'the last good one stays in force' : 'there is none before it';
      log.error({ file: this.#file, fault: messageOf(thrown) }, `list of bans refused, ${kept}`);
    }
  }
}

function tooLarge(file: string): AppError {
  const words = `more than ${banListLimits.bytes} bytes; take out bans that have ended`;
  return new AppError('BAN_LIST_INVALID', `${file}: ${words}`);
}
