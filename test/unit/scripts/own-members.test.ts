/** The lint rule for names that somebody else chose, and where it is in force. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ESLint, Linter } from 'eslint';
import ts from 'typescript';
import tseslint from 'typescript-eslint';
import { describe, expect, test } from 'vitest';
import { ownMembers } from '../../../scripts/lint/own-members.ts';

const root = join(import.meta.dirname, '../../..');

/** What precedes each case, in one file: the compiler reads it once. */
const given = `declare const record: Readonly<Record<string, number>>;
declare const maybe: { [key: string]: number } | undefined;
declare const mutable: Record<string, number>;
declare const listed: Readonly<Record<'a' | 'b', number>>;
declare const byKind: ReadonlyMap<string, number>;
declare const list: readonly number[];
declare const text: string;
declare const branded: string & { readonly brand: unique symbol };
declare const chosen: 'a' | 'b';
declare const index: number;
declare function generic<Key extends string, Kept extends Record<string, number>>(key: Key, kept: Kept): void;
`;

const cases: readonly (readonly [string, string | undefined])[] = [
  ['record[text];', 'read'],
  ['record[branded];', 'read'],
  ['record[`x-${text}`];', 'read'],
  ['maybe?.[text];', 'read'],
  ['const { [text]: taken } = mutable; taken;', 'read'],
  ['({ ...mutable } satisfies Record<string, number>)[text];', 'read'],
  ['mutable[text] = 1;', 'write'],
  ['mutable[text]++;', 'write'],
  ['text in record;', 'asked'],
  ['function f<Key extends string>(key: Key) { return record[key]; } f;', 'read'],
  ['function g<Kept extends Record<string, number>>(kept: Kept) { return kept[text]; } g;', 'read'],
  ["record['a'];", undefined],
  ['record[chosen];', undefined],
  ['listed[chosen];', undefined],
  ["'a' in record;", undefined],
  ['list[index];', undefined],
  ['text[index];', undefined],
  ['byKind.get(text);', undefined],
  ['({ ...mutable, [text]: 1 });', undefined],
  ['Object.hasOwn(record, text);', undefined],
];

/** Line of the file → what the rule says of it. */
function findings(code: string): ReadonlyMap<number, readonly (string | undefined)[]> {
  const cwd = mkdtempSync(join(tmpdir(), 'svidecar-lint-'));
  try {
    const file = join(cwd, 'cases.ts');
    writeFileSync(file, code);
    const options = { strict: true, target: ts.ScriptTarget.ES2024, types: [] };
    const programs = [ts.createProgram([file], options)];
    const messages = new Linter({ cwd }).verify(
      code,
      {
        files: ['**/*.ts'],
        languageOptions: { parser: tseslint.parser, parserOptions: { programs } },
        plugins: { svidecar: { rules: { 'own-members': ownMembers } } },
        rules: { 'svidecar/own-members': 'error' },
      },
      { filename: file },
    );
    const byLine = Map.groupBy(messages, ({ line }) => line);
    return new Map([...byLine].map(([line, all]) => [line, all.map((one) => one.messageId)]));
  } finally {
    rmSync(cwd, { recursive: true });
  }
}

const told = findings(`${given}${cases.map(([line]) => line).join('\n')}\nexport {};\n`);
const firstLine = given.split('\n').length;

describe('a key that may be any text', () => {
  test.each(cases.map(([code, expected], at) => [code, expected, at] as const))(
    '%s → %s',
    (_code, expected, at) => {
      expect(told.get(firstLine + at) ?? []).toEqual(expected === undefined ? [] : [expected]);
    },
  );
});

test.each([
  'sidecar/kernel/json.ts',
  'webhook/manifests/diff-texts.ts',
  'certs/key-ring.ts',
  'scripts/pins.ts',
])('the rule is in force in %s', async (file) => {
  const config: unknown = await new ESLint({ cwd: root }).calculateConfigForFile(join(root, file));
  expect(config).toMatchObject({ rules: { 'svidecar/own-members': [2] } });
});
