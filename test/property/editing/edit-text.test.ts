import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AppError } from '#kernel/errors.ts';
import { type Json, sameJson } from '#kernel/json.ts';
import { editText } from '../../../webhook/editing/edit-text.ts';
import { parseText } from '../../../webhook/editing/parse-text.ts';
import type { EditResult } from '../../../webhook/editing/text-edit.ts';
import { writeDocument } from './document-writer.ts';
import { makeAdditions, makeOperations } from './operation-maker.ts';
import { pick } from '../pick.ts';

const where = 'generated.yaml';
/** More of them with PROPERTY_RUNS; a failure is reported unshrunk, with its seed. */
const runs = Number(process.env['PROPERTY_RUNS'] ?? 60);

function valueOf(text: string): Json {
  return parseText(text, where)[0] ?? null;
}

function withoutInsertions({ text, insertions }: EditResult): string {
  return insertions.reduceRight(
    (rest, { offset, length }) => rest.slice(0, offset) + rest.slice(offset + length),
    text,
  );
}

/** JSON as machines and people write it. */
function writeJson(g: fc.GeneratorValue): string {
  const value = g(() =>
    fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue())),
  );
  const indent = pick<string | number>(g, 0, '\t', '  ', '    ');
  // The library that gives the expected value refuses paths through this key.
  const text = JSON.stringify(value, null, indent).replaceAll('__proto__', 'proto');
  return pick(g, text, `${text}\n`, text.replaceAll('\n', '\r\n'));
}

describe.each([
  ['YAML', (g: fc.GeneratorValue) => writeDocument(g, { anchors: false })],
  ['JSON', writeJson],
])('text edits of %s', (_format, write) => {
  test('additions mean what RFC 6902 says, are insertions only, and are undone byte for byte', () => {
    fc.assert(
      fc.property(fc.gen(), (g) => {
        const text = write(g);
        const { operations, inverse, expected } = makeAdditions(g, valueOf(text));
        const result = editText(text, operations, { where });
        expect(sameJson(valueOf(result.text), expected)).toBe(true);
        expect(withoutInsertions(result)).toBe(text);
        expect(editText(result.text, inverse, { where }).text).toBe(text);
      }),
      { numRuns: runs, endOnFailure: true },
    );
  });

  test('additions are undone one by one as well', () => {
    fc.assert(
      fc.property(fc.gen(), (g) => {
        const text = write(g);
        const { operations, inverse } = makeAdditions(g, valueOf(text));
        const edit = (before: string, operation: (typeof inverse)[number]): string =>
          editText(before, [operation], { where }).text;
        expect(inverse.reduce(edit, operations.reduce(edit, text))).toBe(text);
      }),
      { numRuns: runs, endOnFailure: true },
    );
  });

  test('any operations mean what RFC 6902 says', () => {
    fc.assert(
      fc.property(fc.gen(), (g) => {
        const text = write(g);
        const { operations, expected } = makeOperations(g, valueOf(text));
        try {
          const result = editText(text, operations, { where });
          expect(sameJson(valueOf(result.text), expected)).toBe(true);
        } catch (thrown) {
          // What follows a block scalar may become a part of it when the entry between them goes away.
          if (!(thrown instanceof AppError) || !/[:-] [|>][-+]?\r?\n/.test(text)) throw thrown;
          expect(thrown.code).toBe('EDIT_IMPOSSIBLE');
        }
      }),
      { numRuns: runs, endOnFailure: true },
    );
  });
});

test('with anchors and aliases an edit is right, is undone byte for byte, or is refused', () => {
  let done = 0;
  fc.assert(
    fc.property(fc.gen(), (g) => {
      const text = writeDocument(g, { anchors: true });
      const { operations, inverse, expected } = makeAdditions(g, valueOf(text));
      try {
        const result = editText(text, operations, { where });
        expect(sameJson(valueOf(result.text), expected)).toBe(true);
        expect(editText(result.text, inverse, { where }).text).toBe(text);
        done += 1;
      } catch (thrown) {
        if (!(thrown instanceof AppError)) throw thrown;
        expect(thrown.code).toBe('EDIT_IMPOSSIBLE');
        expect(thrown.message).toMatch(/^generated\.yaml:\d+:\d+: /);
      }
    }),
    { numRuns: runs, endOnFailure: true },
  );
  expect(done).toBeGreaterThan(runs / 3);
});
