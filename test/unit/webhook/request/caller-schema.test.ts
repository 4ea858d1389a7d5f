import { beforeAll, describe, expect, test } from 'vitest';
import { createAuthority, type Authority } from '../../../integration/harness/authority.ts';
import { readConfig } from '../../../../webhook/request/injector-config.ts';
import { stringify } from 'yaml';

let authority: Authority;
let leaf: { readonly certificatePem: string; readonly keyPem: string };

beforeAll(async () => {
  authority = await createAuthority('callers');
  leaf = await authority.issue({ commonName: 'api-server' });
});

function read(apiServerClient: unknown): unknown {
  return readConfig(stringify({ apiServerClient }), 'config.yaml').apiServerClient;
}

describe('apiServerClient', () => {
  test('is one authority or several, and names', () => {
    const given = { ca: `# ours\n${authority.caPem}\n${authority.caPem}\n`, names: ['api-server'] };
    expect(read(given)).toEqual(given);
  });

  test.each([
    ['no PEM', () => 'ca.crt', /must be certificates as PEM/],
    [
      'a certificate of no authority',
      () => leaf.certificatePem,
      /block 1 of the PEM is not a CA cert/,
    ],
    ['a second one', () => `${authority.caPem}\n${leaf.certificatePem}`, /block 2 of the PEM/],
    ['a key', () => `${authority.caPem}\n${authority.caKeyPem}`, /a key does not belong here/],
    [
      'a broken one',
      () => authority.caPem.replace('\n', '\nAAAA'),
      /block 1 of the PEM is not a CA cert/,
    ],
    ['too many', () => `${authority.caPem}\n`.repeat(21), /must be at most 20 certificates/],
  ])('%s is refused, and not quoted', (_situation, ca, words) => {
    const act = (): unknown => read({ ca: ca(), names: ['api-server'] });
    expect(act).toThrow(words);
    expect(act).not.toThrow('MII');
  });

  test('without names is refused: an authority of the cluster signs many clients', () => {
    expect(() => read({ ca: authority.caPem, names: [] })).toThrow(/apiServerClient\.names/);
    expect(() => read({ ca: authority.caPem })).toThrow(/apiServerClient\.names/);
  });
});
