/**
 * Messages are made from facts, never facts from messages: no source looks into the sentence of an error, a finding or a
 * refusal. What foreign programs say in words alone is turned into values where it comes in, in the files named here.
 */
import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const sources = ['bans', 'certs', 'images', 'sidecar', 'webhook'].flatMap((room) =>
  globSync(`${room}/**/*.ts`),
);
/** Where words of a foreign program come in. */
const borders: ReadonlySet<string> = new Set([
  // The Status of an API server has no field for these.
  'webhook/kube/api-words.ts',
  // An error of Redis is a word and a sentence, and so is where a key has moved.
  'sidecar/redis/redis-faults.ts',
]);

/** What holds a sentence: a variable, a member, or the text of what was thrown. */
const sentence = String.raw`(?:\b(?:message|reason|why|sentence|complaint)\b|\bmessageOf\(\w+\))`;
/** What looks for something in a text, or takes something out of it. */
const looks =
  'endsWith|includes|indexOf|lastIndexOf|match|matchAll|replace|replaceAll|search|split|startsWith';
const reading = [
  // `message.startsWith(…)`, `decision.message.replace(…)`, `reason?.split(…)`
  new RegExp(String.raw`${sentence}\??\.(?:${looks})\(`),
  // `/pattern/.exec(message)`, `pattern.test(thrown.message)`, `exec(message.slice(…))`
  new RegExp(String.raw`\.(?:exec|test)\(\s*(?:[\w#]+\??\.)*${sentence}`),
  // `const [, key] = parts(error.message)` and the like by a renamed member: `{ message: text }` then `.exec(text)`
  new RegExp(
    String.raw`\{[^{}\n]*\bmessage: (\w+)[^{}\n]*\}[\s\S]{0,400}?(?:\.(?:exec|test)\(\1\b|\b\1\.(?:${looks})\()`,
  ),
];

function looksIntoSentences(text: string): boolean {
  return reading.some((pattern) => pattern.test(text));
}

test.each([
  'const key = /svidecar/.exec(message)?.[1];',
  'numbers.exec(message.slice(3))',
  'if (pattern.test(thrown.message)) return;',
  'decision.message.startsWith(prefix)',
  "decision.message.replace(prefix, '')",
  "messageOf(thrown).split('\\n')",
  'reason?.includes(word)',
  'const { message: said } = error;\nif (said.includes(word)) return;',
])('a sentence that is looked into is found: %s', (text) => {
  expect(looksIntoSentences(text)).toBe(true);
});

test.each([
  'return `${file}: ${message}`;',
  'printable(message)',
  "new Error('x').name.includes(word)",
  'stack.slice(stack.indexOf(message))',
  "textOf(place.message, 'cluster')",
  'if (reason === undefined) return [];',
])('what is no look into a sentence is none: %s', (text) => {
  expect(looksIntoSentences(text)).toBe(false);
});

test('no source takes a fact out of a sentence', () => {
  expect(sources.length).toBeGreaterThan(300);
  const found = sources
    .filter((file) => !borders.has(file))
    .filter((file) => looksIntoSentences(readFileSync(file, 'utf8')));
  expect(found).toEqual([]);
});
