/** Which listeners a rule is for. */
import { failureAt } from '#kernel/errors.ts';
import { type ConfigFiles, invalid, warningAt, lineAt } from './config-file.ts';
import type { EnvoyWarning, FilterAddition } from './patch-contract.ts';
import { type Listener, titleOf } from './listener.ts';

export interface Choice {
  readonly listeners: readonly Listener[];
  readonly warnings: readonly EnvoyWarning[];
}

const howToChoose =
  'set traffic_direction (INBOUND or OUTBOUND) on the listener, or name listeners in the annotations svidecar.dev/inject-listeners and svidecar.dev/validate-listeners';

/**
 * With both directions asked for, every listener with a connection manager must declare, or be assigned, its direction.
 * @throws {AppError} LISTENERS_AMBIGUOUS
 */
export function requireChoice(
  listeners: readonly Listener[],
  additions: readonly FilterAddition[],
): void {
  if (new Set(additions.map(({ direction }) => direction)).size < 2) return;
  const named = new Set(additions.flatMap((addition) => addition.listeners ?? []));
  const unclear = listeners.filter(
    ({ managers, direction, name = '' }) =>
      managers.length > 0 && direction === undefined && !named.has('*') && !named.has(name),
  );
  const [first] = unclear;
  if (first === undefined) return;
  const rules = [...new Set(additions.map(({ rule }) => rule))].join(' and ');
  const titles = unclear.map(titleOf).join(', ');
  throw failureAt('LISTENERS_AMBIGUOUS', lineAt(first.file, first.path), {
    why: `${rules} are asked for, and nothing says which of them is for listener ${titles}; ${howToChoose}`,
    reason: 'listeners_ambiguous',
  });
}

/** @throws {AppError} ENVOY_CONFIG_INVALID when a named listener does not exist, or none is left */
export function chooseListeners(
  addition: FilterAddition,
  listeners: readonly Listener[],
  context: { readonly files: ConfigFiles; readonly bothAsked: boolean },
): Choice {
  const { main } = context.files;
  const wanted = addition.listeners;
  const isAll = wanted?.includes('*') === true;
  if (wanted !== undefined && !isAll) return chooseNamed(addition, wanted, { listeners, main });
  const fitting = isAll
    ? listeners
    : listeners.filter(({ direction }) =>
        context.bothAsked
          ? direction === addition.direction
          : (direction ?? addition.direction) === addition.direction,
      );
  const chosen = fitting.filter(({ managers }) => managers.length > 0);
  // With both directions asked for, one without a direction or connection manager belongs to neither: also reported.
  const reached = [...new Set([...fitting, ...listeners.filter((one) => isNobodys(one))])];
  if (chosen.length === 0) {
    const other = addition.direction === 'inbound' ? 'OUTBOUND' : 'INBOUND';
    throw invalid(main, '/static_resources/listeners', {
      reason: 'no_listener_left',
      why: `no listener with a connection manager is left for ${addition.rule}, which is for ${addition.direction} traffic: all others are ${other} or another rule's; ${howToChoose}`,
    });
  }
  return { listeners: chosen, warnings: reached.flatMap((one) => uncovered(one, addition)) };
}

function isNobodys({ direction, managers }: Listener): boolean {
  return direction === undefined && managers.length === 0;
}

function chooseNamed(
  addition: FilterAddition,
  wanted: readonly string[],
  { listeners, main }: { listeners: readonly Listener[]; main: ConfigFiles['main'] },
): Choice {
  const byName = Map.groupBy(listeners, ({ name }) => name);
  const chosen = [...new Set(wanted)].flatMap((name) => {
    const found = byName.get(name);
    if (found !== undefined) return found;
    const names = listeners.flatMap((listener) => listener.name ?? []).join(', ') || 'none';
    const why = `${addition.rule} names listener "${name}", which does not exist; the listeners are: ${names}`;
    throw invalid(main, '/static_resources/listeners', { reason: 'listener_not_found', why });
  });
  for (const listener of chosen) {
    if (listener.managers.length > 0) continue;
    const why = `${addition.rule} names listener ${titleOf(listener)}, which has no HTTP connection manager: only HTTP requests can carry a token`;
    throw invalid(listener.file, listener.path, { reason: 'listener_without_http', why });
  }
  const unique = [...new Set(chosen)];
  return { listeners: unique, warnings: unique.flatMap((one) => uncovered(one, addition)) };
}

/** The part of a listener's traffic that a rule does not reach. */
function uncovered(listener: Listener, { rule }: FilterAddition): readonly EnvoyWarning[] {
  const { file, path, managers, gaps } = listener;
  const title = titleOf(listener);
  if (managers.length === 0 && gaps.length === 0) {
    return [
      warningAt(
        'listener_without_connection_manager',
        { file, path },
        `listener ${title} has no HTTP connection manager, so ${rule} does nothing for its traffic`,
      ),
    ];
  }
  return gaps.map((gap) =>
    warningAt(
      'chain_without_filter',
      gap,
      `in listener ${title}, ${gap.what}, so ${rule} does nothing for what comes this way; ${gap.remedy}`,
    ),
  );
}
