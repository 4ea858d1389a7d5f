import { describe, expect, test } from 'vitest';
import { parseSpiffeId } from '#kernel/spiffe-id.ts';
import { checkHandler } from '../../../../sidecar/authz/check-handler.ts';
import { checkSettings } from '../../../../sidecar/config/settings.ts';
import { checkRequest, effectOf } from '../../../fakes/envoy-check.ts';
import { FakeRulePorts } from '../../../fakes/fake-rule-ports.ts';

const inject = { name: 'jwt-inject', mode: 'inject', audience: 'backend' };
const validate = { name: 'jwt-validate', mode: 'validate', audiences: ['me'] };

function setUp(...rules: object[]) {
  const ports = new FakeRulePorts();
  ports.source('backend').issue({
    token: 't',
    spiffeId: parseSpiffeId('spiffe://example.org/a'),
    issuedAtS: 0,
    expiresAtS: 300,
  });
  const handler = checkHandler(checkSettings({ version: 1, rules }, 'test').rules, ports);
  const effect = async (rule: string | undefined, bytes = checkRequest()) =>
    effectOf(await handler.check(bytes, { rule }, 0));
  return { ports, effect };
}

describe('the rule of a check', () => {
  test('is the one that the filter names', async () => {
    const { ports, effect } = setUp(inject, validate);
    expect((await effect('jwt-inject')).kind).toBe('allow');
    expect((await effect('jwt-validate')).body).toContain(
      'jwt-validate: there is no Authorization',
    );
    expect(ports.tallyFor('jwt-inject').counts).toEqual({ allowed: 1 });
    expect(ports.tallyFor('jwt-validate').counts).toEqual({ token_missing: 1 });
  });

  test('is the only one where the filter names none, as in the tutorial', async () => {
    expect((await setUp(inject).effect(undefined)).kind).toBe('allow');
  });

  test('is the one that takes unnamed checks, as those of an extension provider', async () => {
    const { effect } = setUp(inject, { ...validate, takesUnnamed: true });
    expect((await effect(undefined)).body).toContain('jwt-validate: there is no Authorization');
    expect((await effect('jwt-inject')).kind).toBe('allow');
  });

  test.each([
    [{ dataPath: 'native', rules: [{ ...validate, takesUnnamed: true }] }, 'ext-authz'],
    [
      {
        rules: ['a', 'b'].map((name) => ({ ...validate, name, takesUnnamed: true })),
      },
      'two rules take unnamed checks',
    ],
  ])('and is never in doubt (%#)', (settings, words) => {
    expect(() => checkSettings({ version: 1, ...settings }, 'test')).toThrow(words);
  });

  test.each([
    ['several rules and no name', [inject, validate], undefined, 'there are several rules'],
    ['a name that is not there', [inject], 'jwt-injection', 'is not in the settings'],
    ['a name given twice', [inject], 'jwt-inject, jwt-inject', 'is not in the settings'],
    ['an empty name', [inject], '', 'is not in the settings'],
  ])('%s is refused', async (...row) => {
    const [, rules, rule, words] = row;
    const { ports, effect } = setUp(...rules);
    const answer = await effect(rule);
    expect(answer).toMatchObject({ kind: 'deny', status: 403 });
    expect(answer.body).toMatch(/^svidecar: .*\n$/);
    expect(answer.body).toContain(words);
    expect(Object.values(ports.tallyFor('svidecar').counts)).toEqual([1]);
  });
});

describe('a check that cannot be read', () => {
  test.each([
    ['empty', Buffer.alloc(0)],
    ['attributes without a request', Buffer.from([0x0a, 0x00])],
    ['cut off', checkRequest().subarray(0, -3)],
    ['a length beyond the end', Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f])],
    ['a varint without an end', Buffer.alloc(64, 0xff)],
    ['field number 0', Buffer.from([0x02, 0x00])],
    ['a group', Buffer.from([0x0b, 0x0c])],
    ['text', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ])('%s is refused by both kinds of rule', async (_name, bytes) => {
    const { effect } = setUp(inject, validate);
    for (const rule of ['jwt-inject', 'jwt-validate']) {
      expect(await effect(rule, bytes)).toMatchObject({
        kind: 'deny',
        status: 403,
        metadata: { refused: 'check_unreadable' },
      });
    }
  });

  test('fields that are not known are stepped over, in every wire type', async () => {
    const unknown = Buffer.concat([
      // The highest field number, as a varint.
      Buffer.from([0xf8, 0xff, 0xff, 0xff, 0x0f, 0xff, 0xff, 0x01]),
      Buffer.from([0xf9, 0x07, 1, 2, 3, 4, 5, 6, 7, 8]),
      Buffer.from([0xfa, 0x07, 2, 0xff, 0xff]),
      Buffer.from([0xfd, 0x07, 1, 2, 3, 4]),
    ]);
    const bytes = Buffer.concat([unknown, checkRequest(), unknown]);
    expect((await setUp(inject).effect(undefined, bytes)).kind).toBe('allow');
  });

  test('a megabyte of tiny fields is read in linear time', async () => {
    const entry = Buffer.from('\x0a\x0f\x52\x0d\x0a\x0bsvidecar-xx', 'latin1');
    const many = Buffer.concat([checkRequest(), ...Array<Buffer>(60_000).fill(entry)]);
    const started = performance.now();
    expect((await setUp(inject).effect(undefined, many)).kind).toBe('deny');
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});
