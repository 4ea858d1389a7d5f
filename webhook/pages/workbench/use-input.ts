/** The input of the page as its state: how it is changed, replaced, and gone back to. */
import { useCallback, useRef, useState } from 'preact/hooks';
import { edited, exchanged, isOwn, overtaken, startWith, wentBack } from './input-history.ts';
import type { WorkbenchInput } from './workbench-input.ts';

export type ChangeInput = (change: (input: WorkbenchInput) => WorkbenchInput) => void;

export interface InputHandle {
  readonly input: WorkbenchInput;
  /** What is typed or chosen. */
  readonly change: ChangeInput;
  /** What puts files away: the input before is kept. */
  readonly exchange: ChangeInput;
  /** What a link carries. @returns whether something that the person wrote gave way, and is kept */
  readonly overtake: (next: WorkbenchInput) => boolean;
  /** Undefined where there is nothing to go back to. */
  readonly goBack: (() => void) | undefined;
}

export function useInput(first: () => WorkbenchInput): InputHandle {
  const [history, setHistory] = useState(() => startWith(first()));
  const newest = useRef(history);
  newest.current = history;
  const change = useCallback<ChangeInput>((next) => {
    setHistory((before) => edited(before, next(before.now)));
  }, []);
  const exchange = useCallback<ChangeInput>((next) => {
    setHistory((before) => exchanged(before, next(before.now)));
  }, []);
  const overtake = useCallback((next: WorkbenchInput) => {
    setHistory((before) => overtaken(before, next));
    return isOwn(newest.current);
  }, []);
  const goBack = useCallback(() => {
    setHistory(wentBack);
  }, []);
  const { now: input, earlier } = history;
  return { input, change, exchange, overtake, goBack: earlier.length === 0 ? undefined : goBack };
}
