import { describe, expect, it } from 'vitest';
import { consoleKeyHeader, consolePaths } from '../../../../webhook/console/console-model.ts';
import { EventReader, eventText } from '../../../../webhook/console/read-events.ts';

const beat = { kind: 'beat', nowS: 1, version: 'a\n\nb' } as const;
const reset = { kind: 'reset' } as const;

describe('events of the console', () => {
  it('are read as they were written, in whatever pieces they come', () => {
    const text = `: a comment\n\n${eventText(beat)}${eventText(reset)}`;
    for (let size = 1; size <= text.length; size += 1) {
      const reader = new EventReader();
      const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, at) =>
        text.slice(at * size, (at + 1) * size),
      );
      expect(pieces.flatMap((piece) => reader.push(piece))).toEqual([beat, reset]);
    }
  });

  it('have paths of their own, and a header that no other page can send unasked', () => {
    const paths = Object.values(consolePaths);
    expect(new Set(paths).size).toBe(paths.length);
    expect(consoleKeyHeader).toMatch(/^x-/);
  });
});
