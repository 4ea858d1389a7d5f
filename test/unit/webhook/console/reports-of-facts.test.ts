import { beforeAll, describe, expect, test } from 'vitest';
import { known } from '../../../../webhook/checks/facts.ts';
import { certificatesView, doctorView } from '../../../../webhook/console/reports-of-facts.ts';
import {
  createAuthority,
  type Authority,
  type Certificate,
} from '../../../integration/harness/authority.ts';

const service = 'svidecar.svidecar.svc';
const nowMs = Date.now();

describe('certificates', () => {
  let ours: Authority;
  let other: Authority;
  let leaf: Certificate;

  beforeAll(async () => {
    [ours, other] = await Promise.all([createAuthority('ours'), createAuthority('other')]);
    leaf = await ours.issue({ commonName: service, hosts: [service] });
  });

  function viewAt(afterMs: number, caPem: string) {
    const clientConfig = {
      service: { namespace: 'svidecar', name: 'svidecar' },
      caBundle: Buffer.from(caPem).toString('base64'),
    };
    const hook = {
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: 'svidecar' },
      webhooks: [{ name: 'pods.svidecar.dev', clientConfig }],
    };
    const chain = { certificates: [leaf.certificatePem], source: 'pod 1' };
    const facts = {
      nowMs: nowMs + afterMs,
      objects: { hooks: known([{ object: hook }]) },
      served: new Map([[`${service}:443`, { kind: 'known' as const, value: [chain] }]]),
    };
    return certificatesView(facts, new Set());
  }

  test('say who trusts what, each once, and no key', () => {
    const view = viewAt(0, ours.caPem);
    expect(view.certificates.map(({ isAuthority }) => isAuthority)).toEqual([true, false]);
    const [authority, served] = view.certificates;
    expect(view.hooks).toMatchObject([
      {
        name: 'pods.svidecar.dev',
        target: `${service}:443`,
        trusts: [authority?.fingerprint],
        served: {
          value: [{ chain: [served?.fingerprint], trustedBy: authority?.fingerprint }],
        },
      },
    ]);
    expect(served).toMatchObject({ names: [`DNS:${service}`], standing: 'good' });
    const { fromS = 0, untilS = 0, renewalS = 0 } = served ?? {};
    expect((renewalS - fromS) / (untilS - fromS)).toBeCloseTo(2 / 3);
    expect(JSON.stringify(view)).not.toContain('PRIVATE');
  });

  test('say that nobody trusts it, and what is over', () => {
    const foreign = viewAt(0, other.caPem);
    const told = foreign.hooks[0]?.served;
    expect(told?.kind === 'known' ? told.value[0]?.trustedBy : 'x').toBeUndefined();
    const { untilS = 0 } = viewAt(0, ours.caPem).certificates[1] ?? {};
    const standing = (leftMs: number) =>
      viewAt(untilS * 1_000 - nowMs - leftMs, ours.caPem).certificates[1]?.standing;
    expect(standing(60_000)).toBe('renewal_late');
    expect(standing(-1_000)).toBe('over');
    expect(viewAt(-400 * 86_400_000, ours.caPem).certificates[1]?.standing).toBe('not_yet');
  });
});

test('a report of the checks has what the command line has, and no token', () => {
  const finding = {
    severity: 'error',
    where: { kind: 'Pod', namespace: 'shop', name: 'x', file: 'a.yaml' },
    message: 'password: hunter2',
    hint: 'do this',
  } as const;
  const check = {
    id: 'probes',
    category: 'workloads',
    claim: 'c',
    why: 'w',
    status: 'error',
    findings: [finding],
    reasons: ['r'],
  } as const;
  expect(doctorView({ checks: [check], examined: 1 })).toEqual({
    examined: 1,
    checks: [
      {
        ...check,
        findings: [
          {
            severity: 'error',
            where: { kind: 'Pod', namespace: 'shop', name: 'x' },
            message: 'password: (not shown)',
            hint: 'do this',
          },
        ],
      },
    ],
  });
});
