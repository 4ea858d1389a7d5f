/** Lists of bans that workloads read from ConfigMaps: counted and shown without whom they are about, and changed. */
import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from '#kernel/clock.ts';
import { AppError } from '#kernel/errors.ts';
import { openBanStore } from '../../bans/store/open-store.ts';
import type { BanStore, BanToWrite, StoredBan } from '../../bans/store/ban-store.ts';
import { BanTally } from '../console/bans-view.ts';
import type { BanListView, BansShown, BansView, Told } from '../console/console-reports.ts';
import type { CoverageBoard } from '../console/coverage-board.ts';
import type { KubernetesApi } from '../kube/kubernetes-api.ts';

export interface BanListParts {
  readonly api: KubernetesApi;
  readonly board: CoverageBoard;
  readonly clock: Clock;
}

interface Whom {
  readonly claim: string;
  readonly value: string;
}

export class ShownBans {
  readonly #parts: BanListParts;
  /** Ids are of this run alone: they tell nothing of a value. */
  readonly #key = randomBytes(32);
  /** Whom a shown ban is about: by list, then by its id. */
  readonly #shown = new Map<string, ReadonlyMap<string, Whom>>();

  constructor(parts: BanListParts) {
    this.#parts = parts;
  }

  async view(): Promise<BansView> {
    const lists = [...this.#users()].map(async ([id, users]): Promise<BanListView> => {
      const [namespace, name, key] = id.split('/');
      const title = `ConfigMap ${namespace ?? ''}/${name ?? ''}, key ${key ?? ''}`;
      return { id, name: title, users, bans: await this.#read(id) };
    });
    return { nowS: this.#parts.clock.now() / 1_000, lists: await Promise.all(lists) };
  }

  /** Whether a workload reads it: no other ConfigMap is touched. */
  has(list: string): boolean {
    return this.#users().has(list);
  }

  /** @throws {AppError} OBJECT_NOT_FOUND where it is not shown any more */
  whom(list: string, ban: string): Whom {
    const found = this.#shown.get(list)?.get(ban);
    if (found !== undefined) return found;
    throw new AppError('OBJECT_NOT_FOUND', 'this ban is not on the list any more; look again');
  }

  /** @throws {AppError} as BanStore does */
  put(list: string, ban: BanToWrite): Promise<StoredBan> {
    return this.#with(list, (store) => store.put(ban));
  }

  /** @returns whether there was one. @throws {AppError} as BanStore does */
  remove(list: string, { claim, value }: Whom): Promise<boolean> {
    return this.#with(list, (store) => store.remove(claim, value));
  }

  async #read(list: string): Promise<Told<BansShown>> {
    try {
      return await this.#with(list, async (store) => {
        const tally = new BanTally();
        const whom = new Map<string, Whom>();
        for await (const ban of store.list()) {
          const id = this.#idOf(ban);
          tally.add({ ...ban, id });
          if (ban.value !== undefined) whom.set(id, { claim: ban.claim, value: ban.value });
        }
        const shown = tally.shown().flatMap((id): [string, Whom][] => {
          const one = whom.get(id);
          return one === undefined ? [] : [[id, one]];
        });
        this.#shown.set(list, new Map(shown));
        return { kind: 'known', value: tally.view() };
      });
    } catch (thrown) {
      if (!(thrown instanceof AppError)) throw thrown;
      return { kind: 'unknown', reason: thrown.message };
    }
  }

  async #with<Result>(list: string, use: (store: BanStore) => Promise<Result>): Promise<Result> {
    const { api, clock } = this.#parts;
    const [namespace = '', name = '', key = ''] = list.split('/');
    const store = await openBanStore(
      { kind: 'config_map', api, place: { namespace, name, key } },
      { clock },
    );
    try {
      return await use(store);
    } finally {
      await store.close();
    }
  }

  #idOf({ claim, value = '', issuedBeforeS }: StoredBan): string {
    const text = JSON.stringify([claim, value, issuedBeforeS === undefined]);
    return createHmac('sha256', this.#key).update(text).digest('base64url');
  }

  /** Ids of workloads by list. */
  #users(): ReadonlyMap<string, readonly string[]> {
    const users = new Map<string, string[]>();
    for (const [id, { namespace, seen }] of this.#parts.board.workloads())
      for (const { name, key } of seen.banLists) {
        const list = `${namespace}/${name}/${key}`;
        const known = users.get(list);
        if (known === undefined) users.set(list, [id]);
        else known.push(id);
      }
    return users;
  }
}
