/** Usual YAML read without the parser: the tree is the parser's own, and what the parser refuses is never accepted. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Dialect, DocumentText } from '../../../webhook/editing/document-text.ts';
import { readByParser } from '../../../webhook/editing/read-source.ts';
import type { SourceCollection, SourceNode } from '../../../webhook/editing/source-tree.ts';
import { splitDocuments } from '../../../webhook/editing/split-documents.ts';
import { clusterLimits, type TextLimits } from '../../../webhook/editing/text-limits.ts';
import { usualTree } from '../../../webhook/editing/usual-yaml.ts';
import { writeDocument } from './document-writer.ts';
import { pick } from '../pick.ts';

const runs = Number(process.env['PROPERTY_RUNS'] ?? 300);
const root = join(import.meta.dirname, '../../..');

/** The documents of what people wrote: manifests, templates, Envoy files. */
const written = globSync(['manifests/**/*.yaml', 'templates/**/*.yaml', 'test/**/*.yaml'], {
  cwd: root,
  exclude: ['manifests/helm/svidecar/templates/**'],
}).flatMap((file) => {
  const text = readFileSync(join(root, file), 'utf8');
  return splitDocuments(text).map(({ start, end }) => text.slice(start, end));
});

type Read = Pick<DocumentText, 'dialect' | 'limits'> & { readonly text: string };

/** All of a tree; what each node is held by is looked at on the way. */
function told(node: SourceNode, parent: SourceCollection | undefined): unknown {
  if (node.kind === 'scalar') return node;
  expect(node.parent).toBe(parent);
  if (node.kind === 'alias') return 'alias';
  const entries = node.entries.map((entry) => ({ ...entry, value: told(entry.value, node) }));
  return { ...node, parent: undefined, entries };
}

/** @returns whether the text was read without the parser */
function comparedWithParser({ text, dialect = 'yaml', limits = clusterLimits }: Read): boolean {
  const usual = usualTree({ text, base: 7, limits, dialect });
  if (usual === undefined) return false;
  const padded = `1234567${text}`;
  const span = { start: 7, end: padded.length };
  const parsed = readByParser({ text: padded, span, where: 'generated.yaml', dialect, limits });
  expect(told(usual, undefined)).toEqual(told(parsed.root, undefined));
  return true;
}

const dialects: readonly Dialect[] = ['yaml', 'envoy'];

test.each(dialects)('generated documents have the tree of the parser: %s', (dialect) => {
  let usual = 0;
  fc.assert(
    fc.property(fc.gen(), (g) => {
      const text = writeDocument(g, { anchors: false });
      if (comparedWithParser({ text, dialect })) usual += 1;
    }),
    { numRuns: runs, endOnFailure: true },
  );
  expect(usual).toBeGreaterThan(runs / 20);
});

/** What means something in YAML, and some that does not. */
const pieces = [
  [
    ' ',
    '  ',
    '   ',
    '\n',
    '\n\n',
    '\n \n',
    '\t',
    '\r\n',
    ':',
    ': ',
    '#',
    ' #',
    '-',
    '- ',
    '? ',
    '- - ',
  ],
  [
    ',',
    '[',
    ']',
    '{',
    '}',
    '{}',
    '[]',
    '{\n',
    '\n}',
    ' [\n',
    '\n]',
    '"',
    "'",
    "''",
    '"x": ',
    '"a\n b"',
  ],
  [
    '|',
    '>',
    '|-\n',
    '|+\n',
    '>+\n',
    '&a ',
    '*a',
    '!t ',
    '%',
    '@',
    '`',
    '\\',
    '\\\n',
    '---\n',
    '...\n',
  ],
  [
    '<<: ',
    '~',
    'null',
    'true',
    '0x1F',
    '1e3',
    '-0',
    '.5',
    'a',
    'a: b',
    '\nb: 1\n',
    '\n  c: d\n',
    '=',
  ],
  ['', '\uFEFF', 'é', '\u00a0', '\\u0041'],
].flat();

function changed(g: fc.GeneratorValue, text: string): string {
  let result = text;
  for (let left = g(fc.nat, 3); left > 0; left -= 1) {
    const at = g(fc.nat, result.length);
    const end = Math.min(result.length, at + pick(g, 0, 0, 1, 1, 2, 6, 40));
    result = result.slice(0, at) + pick(g, ...pieces) + result.slice(end);
  }
  return result;
}

/** Lines of it, as many as are quickly read. */
function partOf(g: fc.GeneratorValue, text: string): string {
  const lines = text.split('\n');
  const start = pick(g, 0, g(fc.nat, lines.length - 1));
  return lines.slice(start, start + 1 + g(fc.nat, 30)).join('\n');
}

describe('documents with mistakes in them', () => {
  test.each(dialects)('are never read in another way than by the parser: %s', (dialect) => {
    fc.assert(
      fc.property(fc.gen(), (g) => {
        const text = changed(
          g,
          pick(g, partOf(g, pick(g, ...written)), writeDocument(g, { anchors: false })),
        );
        comparedWithParser({ text, dialect });
      }),
      { numRuns: runs * 4, endOnFailure: true },
    );
  });

  test('nor are those beyond a limit', () => {
    fc.assert(
      fc.property(fc.gen(), (g) => {
        const text = partOf(g, pick(g, ...written));
        const limits: TextLimits = {
          ...clusterLimits,
          maxTokens: g(fc.nat, 400),
          maxValues: g(fc.nat, 200),
        };
        comparedWithParser({ text, limits });
      }),
      { numRuns: runs, endOnFailure: true },
    );
  });
});

test('most of what people write is read without the parser, and as the parser reads it', () => {
  const usual = written.filter((text) => comparedWithParser({ text }));
  expect(usual.length).toBeGreaterThan(written.length * 0.85);
});
