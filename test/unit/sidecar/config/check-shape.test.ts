/** Faults of what people write, each told in one line. */
import { describe, expect, test } from 'vitest';
import { AppError } from '#kernel/errors.ts';
import { readSettings } from '../../../../sidecar/config/settings.ts';
import { readConfig } from '../../../../webhook/request/injector-config.ts';
import { readTemplate } from '../../../../webhook/templates/library.ts';

const readers = [
  ['the helper’s settings', readSettings, 'CONFIG_INVALID'],
  ['the configuration', readConfig, 'CONFIG_INVALID'],
  ['a template', readTemplate, 'TEMPLATE_INVALID'],
] as const;

/** Each level is ten of the one before. */
function multiplied(levels: number): string {
  const lines = Array.from({ length: levels }, (_, level) => {
    const items = Array<string>(10).fill(level === 0 ? 'x' : `*l${level - 1}`);
    return `k${level}: &l${level} [${items.join(', ')}]`;
  });
  return lines.join('\n');
}

const texts: readonly (readonly [string, string, string | RegExp])[] = [
  ['no YAML', 'a: [\n', / at line \d, column \d$/],
  ['a key twice', 'a: 1\na: 2\n', / at line \d, column \d$/],
  ['several faults', 'wrong: 1\nother: 2\n', 'Unrecognized key'],
  ['an alias of nothing', 'a: *b', 'cannot be read: Unresolved alias'],
  ['an alias inside its own anchor', 'templates: &a {b: *a}', 'an alias is inside its own anchor'],
  ['aliases that multiply', multiplied(5), 'cannot be read: Excessive alias count'],
  ['a member that would be lost', 'a: [{b: {__proto__: {c: 1}}}]', 'called __proto__ at a.0.b'],
  ['a member at the top that would be lost', '__proto__: {}', 'called __proto__ at the top'],
];

function messageOf(read: () => unknown): { readonly code: string; readonly message: string } {
  try {
    read();
  } catch (thrown) {
    if (thrown instanceof AppError) return thrown;
  }
  throw new TypeError('it was taken');
}

describe.each(readers)('%s', (_name, read, code) => {
  test.each(texts)('with %s', (_what, text, says) => {
    const fault = messageOf(() => read(text, 'a.yaml'));
    expect(fault.code).toBe(code);
    expect(fault.message).not.toMatch(/[\n✖→]/);
    expect(fault.message).toMatch(says);
    expect(fault.message.startsWith('a.yaml: ')).toBe(true);
  });
});

test('each fault of the settings is named once, with its place', () => {
  const text = 'version: 1\nrules: [{name: A, mode: validate, audiences: []}]\nlogLevel: loud\n';
  const { message } = messageOf(() => readSettings(text, 'auth-helper.yaml'));
  expect(message.split('; ')).toEqual([
    'auth-helper.yaml: Invalid option: expected one of "debug"|"info"|"warn"|"error" at logLevel',
    'must be a DNS label at rules[0].name',
    expect.stringMatching(/^Too small: .* at rules\[0\]\.audiences$/),
  ]);
});
