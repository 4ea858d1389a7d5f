/** What kubectl applies is what was looked at: a text that one reader takes for something else than another is none of a release. */
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { documentsIn } from '../../../scripts/release.d/manifest-text.ts';

const own = `apiVersion: v1
kind: Pod
metadata:
  name: a # the first
  labels: {"on": "on"}
spec:
  number: 15
  text: |
    a
    ...
    %b
---
kind: ValidatingAdmissionPolicy
text: "a\\u2028b"
`;

function asWeRead(text: string): unknown {
  return parseAllDocuments(text).map((document) => document.toJS() as unknown);
}

test('manifests of a release are read', () => {
  expect(documentsIn(own)).toEqual(asWeRead(own));
  expect(documentsIn(own.replaceAll('\n', '\r\n'))).toEqual(asWeRead(own));
  expect(documentsIn('# nothing\n')).toEqual([]);
});

/** All of these are what was released to one reader, and to kubectl they are not. */
test.each<[string, (text: string) => string, string]>([
  ['an end, behind which kubectl stops', (text) => text.replace('\n---\n', '\n...\n'), 'a line'],
  ['an end before the next', (text) => text.replace('\n---\n', '\n...\n---\n'), 'a line with'],
  ['a directive', (text) => `%YAML 1.2\n---\n${text}`, 'a line with which no document of ours'],
  ['more on the line of a beginning', (text) => text.replace('---', '--- # b'), 'a line with'],
  ['a line separator in a comment', (text) => text.replace('first', '\u2028  evil: 1'), 'U+2028'],
  ['a next line in a comment', (text) => text.replace('first', '\u0085  evil: 1'), 'U+0085'],
  ['a number in octal', (text) => text.replace('15', '0o17'), 'document 1 of it means something'],
  ['a number that is octal', (text) => text.replace('15', '0000015'), 'document 1 of it means'],
  ['a key without its quotes', (text) => text.replace('"on":', 'on:'), 'document 1 of it means'],
  ['a text without its quotes', (text) => text.replace(': "on"', ': on'), 'document 1 of it means'],
])('%s is told', (_what, change, words) => {
  const changed = change(own);
  expect(changed).not.toBe(own);
  expect(asWeRead(changed)).toEqual(asWeRead(own));
  expect(() => documentsIn(changed)).toThrow(words);
});
