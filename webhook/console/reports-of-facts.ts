/** The checks and the certificates as pages show them: from the same facts, and by the same judgements, as the CLI. */
import { anchorOf } from '../../certs/plan/anchor.ts';
import {
  readCertificates,
  unique,
  type CertificateView,
} from '../../certs/plan/certificate-view.ts';
import { dueAtS } from '../../certs/plan/lives.ts';
import type { Finding } from '../checks/check-contract.ts';
import { subjectsOf, type ClusterFacts, type ServedCertificates } from '../checks/facts.ts';
import { hooksOf, type InspectedHook } from '../checks/inspected-hooks.ts';
import type { Report } from '../checks/run-checks.ts';
import type {
  CertificatesView,
  DoctorFinding,
  DoctorView,
  HookTrust,
  ServedView,
  ShownCertificate,
} from './console-reports.ts';
import { withoutSecrets } from './hide-secrets.ts';
import { unreadOf } from './unread.ts';

export function doctorView({ checks, examined }: Report): DoctorView {
  return {
    examined,
    checks: checks.map(({ id, category, claim, why, status, findings, reasons }) => ({
      id,
      category,
      claim,
      why,
      status,
      findings: findings.map(findingView),
      reasons: reasons.map(withoutSecrets),
    })),
  };
}

function findingView({ severity, where, message, key, hint }: Finding): DoctorFinding {
  return {
    severity,
    ...(where === undefined
      ? {}
      : { where: { kind: where.kind, namespace: where.namespace, name: where.name } }),
    message: withoutSecrets(message),
    ...(key === undefined ? {} : { key }),
    hint,
  };
}

/** What is needed of the facts for certificates. */
export type CertificateFacts = Pick<ClusterFacts, 'nowMs' | 'served'> & {
  readonly objects: Pick<ClusterFacts['objects'], 'hooks'>;
};

/** Only the public parts; no key is among the facts. @param denied sentences about rights that are missing */
export function certificatesView(
  facts: CertificateFacts,
  denied: ReadonlySet<string>,
): CertificatesView {
  const { hooks } = facts.objects;
  const nowS = facts.nowMs / 1_000;
  const inspected = hooksOf(subjectsOf(hooks));
  const all = inspected.flatMap((hook) => [
    ...readCertificates(hook.caBundle),
    ...chainsOf(hook, facts).flatMap(chainOf),
  ]);
  return {
    hooks: inspected.map((hook) => hookTrust(hook, facts)),
    certificates: unique(all).map((each) => certificateView(each, nowS)),
    ...unreadOf([hooks], denied),
  };
}

function chainsOf(
  { target }: InspectedHook,
  { served }: CertificateFacts,
): readonly ServedCertificates[] {
  const found = served.get(target.key);
  return found?.kind === 'known' ? found.value : [];
}

function chainOf({ certificates }: ServedCertificates): readonly CertificateView[] {
  return readCertificates(certificates.join('\n'));
}

function hookTrust(hook: InspectedHook, facts: CertificateFacts): HookTrust {
  const { name, where, target, failurePolicy, caBundle } = hook;
  const bundle = readCertificates(caBundle);
  const served = facts.served.get(target.key);
  return {
    name,
    configuration: `${where.kind} ${where.name}`,
    target: target.key,
    failurePolicy,
    trusts: bundle.map(({ fingerprint }) => fingerprint),
    served:
      served === undefined || served.kind !== 'known'
        ? { kind: 'unknown', reason: served?.reason ?? `nobody asked ${target.key}` }
        : {
            kind: 'known',
            value: served.value.map((each) => servedView(each, { hook, bundle, facts })),
          },
  };
}

function servedView(
  served: ServedCertificates,
  {
    hook,
    bundle,
    facts,
  }: {
    readonly hook: InspectedHook;
    readonly bundle: readonly CertificateView[];
    readonly facts: CertificateFacts;
  },
): ServedView {
  const chain = chainOf(served);
  const anchor = anchorOf({ chain, host: hook.target.host }, bundle, facts.nowMs / 1_000);
  return {
    source: served.source,
    chain: chain.map(({ fingerprint }) => fingerprint),
    ...(anchor === undefined ? {} : { trustedBy: anchor.fingerprint }),
  };
}

function certificateView(certificate: CertificateView, nowS: number): ShownCertificate {
  const { fingerprint, x509, isAuthority, notBefore, notAfter } = certificate;
  const renewalS = dueAtS(certificate, notAfter - notBefore);
  return {
    fingerprint,
    subject: oneLine(x509.subject),
    issuer: oneLine(x509.issuer),
    names: (x509.subjectAltName ?? '').split(', ').filter((name) => name !== ''),
    isAuthority,
    fromS: notBefore,
    untilS: notAfter,
    renewalS,
    standing: standingAt(certificate, nowS),
  };
}

/** A fifth of its life is left: as the check of it has it. */
const lateShare = 0.2;

function standingAt(
  { notBefore, notAfter }: CertificateView,
  nowS: number,
): ShownCertificate['standing'] {
  if (nowS >= notAfter) return 'over';
  if (nowS < notBefore) return 'not_yet';
  return notAfter - nowS < (notAfter - notBefore) * lateShare ? 'renewal_late' : 'good';
}

function oneLine(name: string): string {
  return name.replaceAll('\n', ', ');
}
