/** What `/metrics` shows of this room. */
import type { MetricFamily } from '#kernel/observe.ts';
import type { TrustVerdict } from './plan/verdict.ts';

export interface CertificateState {
  readonly verdict: TrustVerdict | undefined;
  /** Unix seconds when this replica last began to serve another leaf; undefined before the first. */
  readonly rotatedAtS: number | undefined;
  /** Undefined where nobody needs to lead. */
  readonly isLeader: boolean | undefined;
  /** By what was issued: leaf, authority. */
  readonly made: Readonly<Record<string, number>>;
  /** By object and outcome. */
  readonly writes: readonly {
    readonly object: string;
    readonly outcome: string;
    readonly count: number;
  }[];
  /** Consecutive rounds that failed. */
  readonly failures: number;
}

export function certificateMetrics(state: CertificateState): readonly MetricFamily[] {
  return [...stateMetrics(state), ...workMetrics(state)];
}

function stateMetrics({
  verdict,
  rotatedAtS,
  isLeader,
}: CertificateState): readonly MetricFamily[] {
  const anchor = verdict?.kind === 'trusted' ? verdict.anchor : undefined;
  const known = verdict !== undefined && verdict.kind !== 'unknown';
  return [
    gauge(
      'svidecar_certificate_trusted',
      'Whether the caBundle of each webhook of svidecar trusts the served certificate; absent while unknown.',
      known ? Number(anchor !== undefined) : undefined,
    ),
    gauge(
      'svidecar_certificate_authority_not_after_seconds',
      'When the authority expires by which a caBundle trusts the served certificate, in Unix seconds.',
      anchor?.notAfter,
    ),
    gauge(
      'svidecar_certificate_rotated_seconds',
      'When this replica last began to serve another certificate, in Unix seconds.',
      rotatedAtS,
    ),
    gauge(
      'svidecar_certificate_leader',
      'Whether this replica is the leader, which manages certificates and caBundles.',
      isLeader === undefined ? undefined : Number(isLeader),
    ),
  ];
}

function workMetrics({ made, writes, failures }: CertificateState): readonly MetricFamily[] {
  return [
    {
      name: 'svidecar_certificates_made_total',
      help: 'Certificates that this replica issued as the leader.',
      type: 'counter',
      samples: Object.entries(made).map(([kind, value]) => ({ labels: { kind }, value })),
    },
    {
      name: 'svidecar_certificate_writes_total',
      help: 'Writes of Secret and webhook configurations by this replica.',
      type: 'counter',
      samples: writes.map(({ object, outcome, count }) => ({
        labels: { object, outcome },
        value: count,
      })),
    },
    gauge(
      'svidecar_certificate_failures',
      'Consecutive rounds that failed; the log says why.',
      failures,
    ),
  ];
}

/** Without a value there is no sample: no number stands for "not known". */
function gauge(name: string, help: string, value: number | undefined): MetricFamily {
  return { name, help, type: 'gauge', samples: value === undefined ? [] : [{ labels: {}, value }] };
}
