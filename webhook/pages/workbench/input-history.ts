/** The input now, and those that something else was put in place of: none that a person wrote is lost (pure). */
import type { WorkbenchInput } from './workbench-input.ts';

export interface InputHistory {
  readonly now: WorkbenchInput;
  /** What the page or a link put in last: while `now` says the same, nothing in it is the person's. */
  readonly put: WorkbenchInput;
  /** Newest last. */
  readonly earlier: readonly WorkbenchInput[];
}

/** Inputs that can be gone back to; they share the texts that did not change. */
const mostEarlier = 50;

export function startWith(input: WorkbenchInput): InputHistory {
  return { now: input, put: input, earlier: [] };
}

/** As typed, or chosen in the form: the editor has its own way back. */
export function edited(history: InputHistory, now: WorkbenchInput): InputHistory {
  return { ...history, now };
}

/** Files give way by the person's own hand. */
export function exchanged(history: InputHistory, next: WorkbenchInput): InputHistory {
  if (isSame(history.now, next)) return { ...history, now: next };
  return { ...history, now: next, earlier: kept(history) };
}

/**
 * A link took the place, which anybody may have made: only what the person wrote is kept, so that many links in a row push
 * none of it out.
 */
export function overtaken(history: InputHistory, next: WorkbenchInput): InputHistory {
  const earlier = isOwn(history) ? kept(history) : history.earlier;
  return { now: next, put: next, earlier };
}

/** Whether the person wrote something of what is there. */
export function isOwn({ now, put }: InputHistory): boolean {
  return !isSame(now, put);
}

/** Unchanged where there is none. */
export function wentBack(history: InputHistory): InputHistory {
  const last = history.earlier.at(-1);
  if (last === undefined) return history;
  // What the person wrote into what goes now is not kept: it was gone back from.
  return { now: last, put: history.put, earlier: history.earlier.slice(0, -1) };
}

function kept({ earlier, now }: InputHistory): readonly WorkbenchInput[] {
  return [...earlier, now].slice(-mostEarlier);
}

/** But for which file is shown. */
function isSame(one: WorkbenchInput, other: WorkbenchInput): boolean {
  return (
    one.configuration === other.configuration &&
    one.namespace === other.namespace &&
    one.kubernetesMinor === other.kubernetesMinor &&
    one.files.length === other.files.length &&
    one.files.every(({ name, text }, at) => {
      const beside = other.files[at];
      return name === beside?.name && text === beside.text;
    })
  );
}
