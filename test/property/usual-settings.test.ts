/** The reader without the schema and the schema say the same of settings: the same value, or nothing at all. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isArray, isObject, type Json } from '#kernel/json.ts';
import { readSettings } from '../../sidecar/config/settings.ts';
import { settingsText } from '../../sidecar/config/settings-text.ts';
import { readUsualSettings } from '../../sidecar/config/usual-settings.ts';

/** Of good and of bad values: about as many settings are taken as refused. */
const seldom = <T, U>(good: fc.Arbitrary<T>, bad: fc.Arbitrary<U>) =>
  fc.oneof({ weight: 40, arbitrary: good }, { weight: 1, arbitrary: bad });
const anyText = fc.string({ unit: 'binary', maxLength: 12 });
const anything = fc.oneof(
  anyText,
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom('', 'a'.repeat(513), '*', '__proto__', 'spiffe://A', 'authorization', '~', 'yes'),
  fc.array(anyText, { maxLength: 2 }),
  fc.dictionary(anyText, anyText, { maxKeys: 2 }),
);
const or = <T>(good: fc.Arbitrary<T>) => seldom(good, anything);
const word = fc.stringMatching(/^[a-z0-9]{1,6}$/);
const id = fc.oneof(
  word.map((name) => `spiffe://example.org/${name}`),
  fc.constantFrom('spiffe://example.org', 'spiffe://b.c/d/*'),
);
const audience = fc.oneof(
  id,
  anyText.filter((text) => text !== ''),
);
const host = fc.oneof(
  word,
  word.map((name) => `*.${name}`),
  word.map((name) => `${name}:8080`),
  anyText,
  fc.constantFrom('10', '1', '__proto__', '*.a:1', 'constructor'),
);
const hosts = fc
  .array(fc.tuple(host, or(audience)), { maxLength: 4 })
  .map((pairs) => Object.fromEntries(pairs));
const strangers = seldom(
  fc.constant({}),
  fc.dictionary(fc.oneof(word, fc.constantFrom('constructor', 'toString')), anything, {
    maxKeys: 1,
  }),
);
const injectRule = fc.record(
  {
    name: or(word),
    mode: fc.constant('inject'),
    audience: or(audience),
    audienceByHost: or(hosts),
    authorization: or(fc.constantFrom('deny', 'overwrite', 'keep')),
    spiffeId: or(id.filter((text) => !text.endsWith('*'))),
  },
  { requiredKeys: ['name', 'mode'] },
);
const validateRule = fc.record(
  {
    name: or(word),
    mode: seldom(fc.constant('validate'), fc.constantFrom('ban', 'inject', 'other')),
    audiences: or(fc.array(or(audience), { minLength: 1, maxLength: 3 })),
    allowCallers: or(fc.array(or(id), { minLength: 1, maxLength: 3 })),
    skipPaths: or(fc.array(or(word.map((path) => `/${path}`)), { maxLength: 3 })),
    callerHeader: or(fc.constantFrom('x-caller', 'caller', 'x_who')),
    forwardToken: or(fc.boolean()),
  },
  { requiredKeys: ['name', 'mode', 'audiences'] },
);
const rule = fc.tuple(fc.oneof(injectRule, validateRule), strangers).map(([own, more]) => ({
  ...own,
  ...more,
}));
const port = fc.integer({ min: 1, max: 65_535 });
const place = fc.record({ host: or(word), port: or(port) }, { requiredKeys: ['port'] });
const settings = fc
  .tuple(
    fc.record(
      {
        version: or(fc.constant(1)),
        workloadApi: or(fc.constant('unix:///a.sock')),
        listen: or(fc.oneof(place, fc.record({ socket: or(fc.constant('/a.sock')) }))),
        health: or(place),
        dataPath: or(fc.constantFrom('ext-authz', 'native')),
        logLevel: or(fc.constantFrom('debug', 'info', 'warn', 'error')),
        rules: or(fc.array(rule, { minLength: 1, maxLength: 3 })),
      },
      { requiredKeys: ['version', 'rules'] },
    ),
    strangers,
  )
  .map(([own, more]) => ({ ...own, ...more }));

/** Undefined for a refusal. The order of members counts: settings are compared as texts. */
function bySchema(text: string): string | undefined {
  try {
    return JSON.stringify(readSettings(text, 'test'));
  } catch {
    return undefined;
  }
}

function withoutSchema(text: string): string | undefined {
  const read = readUsualSettings(text);
  return read && JSON.stringify(read);
}

function hasBans(value: unknown): boolean {
  const rules: Json | undefined = isObject(value) ? value['rules'] : undefined;
  return isArray(rules) && rules.some((one) => isObject(one) && one['mode'] === 'ban');
}

/** JSON whose members JSON itself would order otherwise, such as `{"b": …, "1": …}`, or that the schema would lose. */
function isPlain(text: string): boolean {
  return !/"(?:__proto__|\d+)":/.test(text);
}

test('what is read without the schema is what the schema reads, and is all that it takes', () => {
  const counts = { taken: 0, refused: 0 };
  fc.assert(
    fc.property(settings, (value) => {
      const text = settingsText(value);
      const expected = bySchema(text);
      const read = withoutSchema(text);
      if (read !== undefined) expect(read).toBe(expected);
      // Bans are the schema's alone.
      else if (expected !== undefined && isPlain(text)) expect(hasBans(value)).toBe(true);
      counts[read === undefined ? 'refused' : 'taken'] += 1;
    }),
    { numRuns: 3_000 },
  );
  expect(Math.min(counts.taken, counts.refused)).toBeGreaterThan(300);
});

test('a text that was written otherwise is left to the schema', () => {
  const value = { version: 1, rules: [{ name: 'a', mode: 'inject' }] };
  const text = settingsText(value);
  expect(withoutSchema(text)).toBeDefined();
  const others = [
    JSON.stringify(value),
    text.trimEnd(),
    `# by hand\n${text}`,
    text.replace('"version": 1', '"version": 1.0'),
    text.replace('"version": 1', '"version": 1,\n  "version": 1'),
    text.replace('"name": "a"', '"name": "\\u0061"'),
    text.replace('"mode": "inject"', '"mode": "ban"'),
    'version: 1\nrules: [{name: a, mode: inject}]\n',
    '',
    'null\n',
    '[]\n',
    '1\n',
  ];
  expect(others.filter((other) => readUsualSettings(other) !== undefined)).toEqual([]);
});

test('any change of one character is read by both alike, or left to the schema', () => {
  const text = settingsText({
    version: 1,
    listen: { host: '127.0.0.1', port: 9_010 },
    rules: [
      { name: 'a', mode: 'inject', audienceByHost: { 'b.c': 'd' }, spiffeId: 'spiffe://e.f/g' },
      { name: 'h', mode: 'validate', audiences: ['i'], skipPaths: ['/j'], callerHeader: 'x-k' },
    ],
  });
  fc.assert(
    fc.property(
      fc.nat(text.length),
      fc.constantFrom(...Array.from(' "{}[],:\\\n01-.aA*/#&!%@`é\u2028\u0085'), ''),
      (at, put) => {
        const changed = text.slice(0, at) + put + text.slice(at + 1);
        const read = withoutSchema(changed);
        if (read !== undefined) expect(read).toBe(bySchema(changed));
      },
    ),
    { numRuns: 2_000 },
  );
});
