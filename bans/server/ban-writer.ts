/** Changes bans: in the store, in the audit log, and counted; the one or other is never forgotten. */
import { Problem } from '../service/problem.ts';
import type { BanToWrite } from '../store/ban-store.ts';
import type { AuditedChange, BanAct, BanAudit, RefusedChange } from './ban-audit.ts';
import type { BanServiceMetrics } from './ban-service-metrics.ts';
import type { GuardedStore } from './guarded-store.ts';

export interface BanWriterOptions {
  readonly store: GuardedStore;
  readonly audit: BanAudit;
  readonly metrics: Pick<BanServiceMetrics, 'changes'>;
}

export class BanWriter {
  readonly #options: BanWriterOptions;
  /** Failures that have their line. */
  readonly #noticed = new WeakSet<Problem>();

  constructor(options: BanWriterOptions) {
    this.#options = options;
  }

  /** Notes what was refused before it came here. @param problem what was answered; one that is noted already counts once */
  refused(change: RefusedChange, problem?: Problem): void {
    if (problem === undefined || !this.#noticed.has(problem)) this.#options.audit.refused(change);
  }

  /** @throws {Problem} */
  async put(ban: BanToWrite, act: BanAct = 'put'): Promise<void> {
    const { by } = ban;
    await this.#noted({ act, by, ban }, async () => {
      await this.#options.store.ask((store) => store.put(ban));
    });
  }

  /** @throws {Problem} also where there was none */
  async remove(ban: Pick<BanToWrite, 'claim' | 'value' | 'by'>): Promise<void> {
    const { claim, value, by } = ban;
    await this.#noted({ act: 'remove', by, ban }, async () => {
      const wasThere = await this.#options.store.ask((store) => store.remove(claim, value));
      if (!wasThere) throw new Problem('not_banned', 'there was no ban of this value');
    });
  }

  async #noted(
    change: Omit<AuditedChange, 'result'>,
    carryOut: () => Promise<void>,
  ): Promise<void> {
    let result = 'internal';
    try {
      await carryOut();
      result = 'done';
    } catch (thrown) {
      if (thrown instanceof Problem) {
        result = thrown.code;
        this.#noticed.add(thrown);
      }
      throw thrown;
    } finally {
      this.#options.audit.note({ ...change, result });
      this.#options.metrics.changes.labels(change.act, result).inc();
    }
  }
}
