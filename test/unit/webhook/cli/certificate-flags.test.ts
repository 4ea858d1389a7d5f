import { describe, expect, test } from 'vitest';
import { certificateSettings } from '../../../../webhook/cli/certificate-flags.ts';
import { parseDuration } from '../../../../webhook/cli/duration.ts';

const service = 'svidecar';

describe('the source of the certificate', () => {
  test.each([
    ['self-signed where nothing is said', {}, { kind: 'self_signed' }],
    ['files where a folder is named', { certificates: '/tls' }, { kind: 'files', folder: '/tls' }],
    [
      'SPIRE at the usual socket',
      { certificateSource: 'spiffe' as const },
      { kind: 'spiffe', address: 'unix:///spiffe-workload-api/spire-agent.sock' },
    ],
    [
      'self-signed with lives of one minute',
      { leafLife: 60, caLife: 180 },
      { kind: 'self_signed', lives: { leafS: 60, authorityS: 180, settleS: 5 } },
    ],
  ])('is %s', (_name, flags, settings) => {
    expect(certificateSettings({ service, ...flags })).toMatchObject(settings);
  });

  test.each([
    ['files without a folder', { certificateSource: 'files' as const }, 'needs --certificates'],
    [
      'a folder with another source',
      { certificateSource: 'spiffe' as const, certificates: '/tls' },
      '--certificates goes with --certificate-source files, not spiffe',
    ],
    [
      'a life where somebody else signs',
      { certificates: '/tls', leafLife: 3_600 },
      '--leaf-life goes with --certificate-source self-signed, not files',
    ],
    [
      'a Workload API that nobody asks',
      { workloadApi: 'unix:///x' },
      '--workload-api goes with --certificate-source spiffe, not self-signed',
    ],
    ['a leaf of ten seconds', { leafLife: 10 }, '--leaf-life must be from 1m to 90d'],
  ])('refuses %s', (_name, flags, words) => {
    expect(() => certificateSettings({ service, ...flags })).toThrow(words);
  });
});

test.each([
  ['90s', 90],
  ['10m', 600],
  ['24h', 86_400],
  ['7d', 604_800],
])('%s are %i seconds', (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds);
});

test.each(['', '10', '1.5h', '-1m', '7 d', '1w', '10M'])('"%s" is no duration', (text) => {
  expect(() => parseDuration(text)).toThrow('write a duration such as 90s, 10m, 24h or 7d');
});
