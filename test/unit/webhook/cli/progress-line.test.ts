import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ProgressLine } from '../../../../webhook/cli/progress-line.ts';
import { withProgress, type Terminal } from '../../../../webhook/cli/terminal.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function screen(columns = 40): { line: ProgressLine; seen: string[] } {
  const seen: string[] = [];
  const write = (text: string): void => {
    seen.push(text);
  };
  return { line: new ProgressLine({ write, columns, now: Date.now }), seen };
}

test('short work shows nothing', () => {
  const { line, seen } = screen();
  line.tell('document 1 of 9');
  vi.advanceTimersByTime(400);
  line.tell('document 2 of 9');
  line.clear();
  vi.advanceTimersByTime(5_000);
  expect(seen).toEqual([]);
});

test('after half a second the newest state is written over the one before, and is taken away', () => {
  const { line, seen } = screen();
  line.tell('document 1 of 9');
  vi.setSystemTime(Date.now() + 600);
  line.tell('document 2 of 9');
  line.tell('document 3 of 9');
  vi.setSystemTime(Date.now() + 100);
  line.tell('document 4 of 9');
  line.clear();
  line.clear();
  expect(seen).toEqual(['\rdocument 2 of 9\u001b[K', '\rdocument 4 of 9\u001b[K', '\r\u001b[K']);
});

test('who waits for an answer sees for whom, and no more than the terminal is wide', () => {
  const { line, seen } = screen(12);
  line.tell('asking https://10.0.0.1');
  vi.advanceTimersByTime(500);
  expect(seen).toEqual(['\rasking http\u001b[K']);
});

test('nothing is printed into the line', () => {
  const seen: string[] = [];
  const print = (text: string): void => {
    seen.push(text);
  };
  const terminal: Terminal = {
    out: print,
    err: print,
    hasColor: true,
    isInteractive: true,
    progressColumns: 80,
    isPiped: false,
    readStdin: () => '',
    untilInterrupted: () => AbortSignal.abort(),
    now: Date.now,
  };
  const shown = withProgress(terminal);
  shown.tellProgress?.('half');
  vi.advanceTimersByTime(500);
  shown.out('done\n');
  expect(seen).toEqual(['\rhalf\u001b[K', '\r\u001b[K', 'done\n']);
  expect(withProgress({ ...terminal, progressColumns: undefined }).tellProgress).toBeUndefined();
});
