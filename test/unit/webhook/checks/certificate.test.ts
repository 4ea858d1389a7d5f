import { beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import type { CheckResult } from '../../../../webhook/checks/run-checks.ts';
import type { ClusterFacts } from '../../../../webhook/checks/facts.ts';
import { factsWith, resultOf } from '../../../fakes/check-facts.ts';
import {
  createAuthority,
  type Authority,
  type Certificate,
} from '../../../integration/harness/authority.ts';

const service = 'svidecar.svidecar.svc';
const hourMs = 3_600_000;
let ours: Authority;
let stranger: Authority;
let good: Certificate;
let misnamed: Certificate;

beforeAll(async () => {
  ours = await createAuthority('ours');
  stranger = await createAuthority('stranger');
  good = await ours.issue({ commonName: 'svidecar', hosts: [service] });
  misnamed = await ours.issue({ commonName: 'svidecar', hosts: ['svidecar.other.svc'] });
});

function hooks(caPem: string): JsonObject {
  const clientConfig = {
    service: { namespace: 'svidecar', name: 'svidecar' },
    caBundle: Buffer.from(caPem).toString('base64'),
  };
  return { metadata: { name: 'h' }, webhooks: [{ name: 'pods.svidecar.dev', clientConfig }] };
}

/** @param afterMs how long after now the check is made */
function judged(caPem: string, chains: readonly string[][], afterMs = 0): CheckResult {
  const value = chains.map((certificates, index) => ({ certificates, source: `pod ${index}` }));
  const served: ClusterFacts['served'] = new Map([[`${service}:443`, { kind: 'known', value }]]);
  const facts = factsWith({ hooks: [hooks(caPem)] }, { served, nowMs: Date.now() + afterMs });
  return resultOf('webhook_certificate', facts);
}

describe('the certificate', () => {
  test('that the caBundle leads to is well', () => {
    const result = judged(ours.caPem, [[good.certificatePem]]);
    expect(result).toMatchObject({ status: 'ok', reasons: ['certificate seen by pod 0'] });
  });

  test('may be one of several that the caBundle trusts, as while an authority is replaced', () => {
    const both = stranger.caPem + ours.caPem;
    expect(judged(both, [[good.certificatePem]]).status).toBe('ok');
  });

  test.each([
    [
      'of another authority',
      () => judged(stranger.caPem, [[good.certificatePem]]),
      'does not lead to',
    ],
    [
      'for another name',
      () => judged(ours.caPem, [[misnamed.certificatePem]]),
      `not for ${service}`,
    ],
    ['that is over', () => judged(ours.caPem, [[good.certificatePem]], 25 * hourMs), 'ended'],
    ['that is not served at all', () => judged(ours.caPem, [[]]), 'no certificate is served'],
    ['that nothing is set to trust', () => judged('', [[good.certificatePem]]), 'no caBundle'],
  ])('%s is an error', (_name, judge, says) => {
    const { status, findings } = judge();
    expect(status).toBe('error');
    expect(findings[0]?.message).toContain(says);
  });

  test('whose life is nearly over is a warning, since whoever renews it is late', () => {
    const { status, findings } = judged(ours.caPem, [[good.certificatePem]], 21 * hourMs);
    expect(status).toBe('warning');
    expect(findings[0]?.message).toMatch(
      /the certificate ends in \d+ minutes .* and was not renewed/,
    );
  });

  test('of one replica that differs from the others is found', () => {
    const other = judged(ours.caPem, [[good.certificatePem], [misnamed.certificatePem]]);
    expect(other.findings).toHaveLength(1);
  });

  test('that cannot be seen is unknown, with the reason', () => {
    const served: ClusterFacts['served'] = new Map([
      [`${service}:443`, { kind: 'unknown', reason: 'not allowed to get secrets' }],
    ]);
    const result = resultOf(
      'webhook_certificate',
      factsWith({ hooks: [hooks(ours.caPem)] }, { served }),
    );
    expect(result.status).toBe('unknown');
    expect(result.reasons.join()).toContain('not allowed to get secrets');
  });
});
