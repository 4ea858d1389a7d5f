/** What may be changed from the console: only what the CLI, or kubectl, would do; shown first, carried out once it is said again. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '#kernel/clock.ts';
import { AppError } from '#kernel/errors.ts';
import { actionText, claimFault, type CommandTarget } from '../console/action-commands.ts';
import { workloadId } from '../console/board-entries.ts';
import type { ActionOutcome, ConsoleAction, PreparedAction } from '../console/console-reports.ts';
import type { CoverageBoard } from '../console/coverage-board.ts';
import { offeredActions } from '../console/workload-story.ts';
import type { KubernetesApi } from '../kube/kubernetes-api.ts';
import { anewWords } from '../objects/anew-words.ts';
import { kindNamed } from '../objects/kinds.ts';
import { restartWorkload } from './restart-workload.ts';
import type { ShownBans } from './shown-bans.ts';

export interface DeskParts {
  readonly api: KubernetesApi;
  /** What is restarted must be stale, or run without, as it stands there. */
  readonly board: CoverageBoard;
  readonly bans: ShownBans;
  readonly target: CommandTarget;
  readonly clock: Clock;
  /** Seconds of `24h`. @throws {AppError} USAGE */
  readonly durationS: (text: string) => number;
}

/** Seconds in which it can be carried out. */
const validS = 300;
/** Prepared ones that wait; the oldest go. */
const maxPrepared = 100;
/** Milliseconds for one change. */
const actMs = 60_000;

interface Prepared {
  /** The session that it was prepared in. */
  readonly session: string;
  readonly action: ConsoleAction;
  readonly validUntilS: number;
}

export class ActionDesk {
  readonly #parts: DeskParts;
  readonly #prepared = new Map<string, Prepared>();

  constructor(parts: DeskParts) {
    this.#parts = parts;
  }

  /**
   * Nothing is changed.
   * @param session may carry it out, and no other one
   * @throws {AppError} USAGE where it cannot be done so, OBJECT_NOT_FOUND for a workload that is not there
   */
  prepare(action: ConsoleAction, session: string): PreparedAction {
    this.#check(action);
    if (action.kind === 'ban_add' && action.for !== undefined) this.#parts.durationS(action.for);
    const list = action.kind === 'restart' ? undefined : action.list;
    const isKnown = list === undefined || this.#parts.bans.has(list);
    const text = isKnown ? actionText(action, this.#parts.target, list) : undefined;
    if (text === undefined)
      throw new AppError('USAGE', `no workload that is seen here reads the list ${list ?? ''}`);
    const id = randomUUID();
    const validUntilS = this.#nowS() + validS;
    this.#prepared.set(id, { session, action, validUntilS });
    for (const oldest of this.#prepared.keys()) {
      if (this.#prepared.size <= maxPrepared) break;
      this.#prepared.delete(oldest);
    }
    return { id, ...text, validUntilS };
  }

  /** Once. @throws {AppError} OBJECT_NOT_FOUND where nothing is prepared, and what the change itself may meet */
  async carryOut(id: string, session: string): Promise<ActionOutcome> {
    const found = this.#prepared.get(id);
    const prepared = found?.session === session ? found : undefined;
    if (prepared !== undefined) this.#prepared.delete(id);
    if (prepared === undefined || prepared.validUntilS < this.#nowS())
      throw new AppError(
        'OBJECT_NOT_FOUND',
        'this was carried out already, or waited for too long; prepare it again',
      );
    // What it is about may be another by now.
    this.#check(prepared.action);
    return { message: await this.#act(prepared.action) };
  }

  #check(action: ConsoleAction): void {
    const fault = 'claim' in action ? claimFault(action.claim) : undefined;
    if (fault !== undefined) throw new AppError('USAGE', fault);
    if (action.kind === 'restart') this.#checkRestart(action);
  }

  #checkRestart({
    namespace,
    workloadKind: kind,
    name,
  }: Extract<ConsoleAction, { kind: 'restart' }>): void {
    const { board } = this.#parts;
    const row = board.row(workloadId(namespace, kind, name));
    const what = `${kind} ${namespace}/${name}`;
    if (row === undefined)
      throw new AppError('OBJECT_NOT_FOUND', `${what} is not there any more, or may not be read`);
    if (kindNamed(kind)?.isRestartable !== true)
      throw new AppError(
        'USAGE',
        `a ${kind} is not restarted: ${anewWords({ kind, name, namespace })}`,
      );
    if (offeredActions(row, board.hooks).length > 0) return;
    const why = row.why === undefined ? '' : ` (${row.why.message})`;
    const is = row.status.replaceAll('_', ' ');
    throw new AppError(
      'USAGE',
      `${what} is ${is}${why}: from here only what is stale or runs without its injection is restarted, and only where that helps`,
    );
  }

  #act(action: ConsoleAction): Promise<string> {
    switch (action.kind) {
      case 'restart':
        return this.#restart(action);
      case 'ban_add':
        return this.#ban(action);
      case 'ban_lift':
        return this.#lift(action.list, action);
      case 'ban_lift_shown':
        return this.#lift(action.list, this.#parts.bans.whom(action.list, action.ban));
    }
  }

  async #restart({
    namespace,
    workloadKind: kind,
    name,
  }: Extract<ConsoleAction, { kind: 'restart' }>): Promise<string> {
    const nowMs = this.#parts.clock.now();
    const signal = AbortSignal.timeout(actMs);
    await restartWorkload(this.#parts.api, { namespace, kind, name }, { nowMs, signal });
    return `${kind} ${namespace}/${name} is being restarted`;
  }

  async #ban(action: Extract<ConsoleAction, { kind: 'ban_add' }>): Promise<string> {
    const { claim, value, reason, list } = action;
    const atS = this.#nowS();
    const untilS = action.for === undefined ? undefined : atS + this.#parts.durationS(action.for);
    await this.#parts.bans.put(list, {
      claim,
      value,
      reason,
      untilS,
      issuedBeforeS: undefined,
      by: undefined,
      atS,
    });
    return `banned by ${claim} in ${list}`;
  }

  async #lift(
    list: string,
    whom: { readonly claim: string; readonly value: string },
  ): Promise<string> {
    const wasThere = await this.#parts.bans.remove(list, whom);
    return wasThere
      ? `no longer banned by ${whom.claim} in ${list}`
      : `there was no such ban in ${list}`;
  }

  #nowS(): number {
    return this.#parts.clock.now() / 1_000;
  }
}
