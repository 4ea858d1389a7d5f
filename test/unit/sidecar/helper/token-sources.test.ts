import { expect, test } from 'vitest';
import { parseSpiffeId } from '#kernel/spiffe-id.ts';
import { stateFamilies } from '../../../../sidecar/helper/helper-state.ts';
import { TokenSources } from '../../../../sidecar/helper/token-sources.ts';
import { Verifiers } from '../../../../sidecar/helper/verifiers.ts';
import { FakeTokenSource } from '../../../fakes/fake-rule-ports.ts';

const id = (name: string) => parseSpiffeId(`spiffe://example.org/${name}`);
const issued = (token: string, expiresAtS = 1_300) => ({
  token,
  spiffeId: id('a'),
  issuedAtS: 1_000,
  expiresAtS,
});

function setUp(first?: string) {
  const opened: FakeTokenSource[] = [];
  const sources = new TokenSources(() => {
    const source = Object.assign(new FakeTokenSource(), { close: () => undefined });
    if (first !== undefined) source.issued = issued(first);
    opened.push(source);
    return source;
  });
  return { sources, opened };
}

test('knows every token that a source has given, also of a source that is gone', () => {
  const { sources, opened } = setUp('first');
  sources.settingUp(() => sources.tokensFor('backend', undefined));
  expect(sources.own.find('first', 1_000).kind).toBe('listed');
  opened[0]?.issue(issued('second'));
  sources.settingUp(() => undefined);
  expect(sources.own.find('first', 1_000).kind).toBe('listed');
  expect(sources.own.find('second', 1_000).kind).toBe('listed');
  expect(sources.own.find('third', 1_000).kind).toBe('not_known');
  sources.forgetExpired(1_420);
  expect(sources.own.find('second', 1_000).kind).toBe('not_known');
});

/** Audiences are any text, so whatever stands between two of them can stand in one. */
const separators = ['\n', ',', '|', '/', ' ', '\0', '","', '\u2028', ':'];

test.each(separators)('two sources never share a key: %j', (separator) => {
  const { sources, opened } = setUp();
  sources.tokensFor(`b${separator}c`, id('a'));
  sources.tokensFor(`c`, id(`a`));
  sources.tokensFor(`${id('a')}${separator}b${separator}c`, undefined);
  sources.tokensFor(`${separator}b${separator}c`, undefined);
  expect(opened).toHaveLength(4);
  expect(sources.tokensFor(`c`, id('a'))).toBe(opened[1]);
});

test.each(separators)('two lists of audiences never share a verifier: %j', (separator) => {
  const none = (): undefined => undefined;
  const bundles = { generation: 0, bundleFor: none, soleTrustDomain: none };
  const verifiers = new Verifiers(() => bundles);
  const both = verifiers.verifierFor(['a', 'b']);
  expect(verifiers.verifierFor([`a${separator}b`])).not.toBe(both);
  expect(verifiers.verifierFor(['b', 'a', 'b'])).toBe(both);
});

test('names that objects have from birth are names like others', () => {
  const { sources, opened } = setUp();
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
  for (const name of names) sources.tokensFor(name, undefined);
  expect(opened).toHaveLength(names.length);
});

test('an audience asked for by two identities is one sample, with the earlier end', () => {
  const token = issued('a', 1_100);
  const tokens = [
    { audience: 'b', spiffeId: id('x'), token, problem: undefined, isRequired: true },
    { audience: 'b', spiffeId: id('y'), token: issued('b'), problem: undefined, isRequired: true },
    { audience: '__proto__', token: undefined, problem: undefined, isRequired: true },
  ];
  const [expiry] = stateFamilies({ tokens, bundles: undefined, isDraining: false });
  expect(expiry?.samples).toEqual([
    { labels: { audience: 'b' }, value: 1_100 },
    { labels: { audience: '__proto__' }, value: 0 },
  ]);
});
