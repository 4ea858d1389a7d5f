/** Whether the API server trusts what the webhook serves, and for how long. */
import { anchorOf } from '../../certs/plan/anchor.ts';
import {
  coversHost,
  isLive,
  readCertificates,
  type CertificateView,
  type LifeView,
} from '../../certs/plan/certificate-view.ts';
import type { Check, Finding, CheckOutcome } from './check-contract.ts';
import type { ClusterFacts, ServedCertificates } from './facts.ts';
import { hooksOf, isSeenFrom, type InspectedHook } from './inspected-hooks.ts';

/** Remaining part of a certificate's life below which renewal is late: it is usually renewed with a third left. */
const lateShare = 0.2;
const dayS = 24 * 3600;

export const webhookCertificate: Check = {
  id: 'webhook_certificate',
  category: 'webhook',
  claim: 'every caBundle trusts the certificate that is served, by its name and for long enough',
  why: 'A certificate that is not trusted, or is over, is an outage of the webhook: such pods are refused.',
  offline: false,
  reads: ['hooks'],
  run: ({ facts, objects }) => {
    const hooks = hooksOf(objects('hooks')).filter((hook) => isSeenFrom(facts, hook));
    if (hooks.length === 0) return { findings: [], skipped: 'there is no hook' };
    const outcomes = hooks.map((hook) => judge(hook, facts));
    return {
      findings: outcomes.flatMap(({ findings }) => findings),
      unread: unique(outcomes.flatMap(({ unread = [] }) => unread)),
      notes: unique(outcomes.flatMap(({ notes = [] }) => notes)),
    };
  },
};

function unique(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)];
}

function judge(hook: InspectedHook, facts: ClusterFacts): CheckOutcome {
  const served = facts.served.get(hook.target.key);
  if (served === undefined) return { findings: [], unread: [`nobody asked ${hook.target.key}`] };
  if (served.kind !== 'known') {
    const reason = `what ${hook.target.key} serves cannot be seen from here: ${served.reason}`;
    return { findings: [], unread: [reason] };
  }
  const chains = served.value;
  const findings = chains.flatMap((chain) => faultsOf(hook, chain, facts.nowMs / 1000));
  return {
    // Replicas usually have the same fault.
    findings: [...new Map(findings.map((each) => [each.message, each])).values()],
    notes: chains.map(({ source }) => `certificate seen by ${source}`),
  };
}

const trustHint =
  'let svidecar issue the certificate and publish the caBundle, or replace both: docs/certificates.md';

function faultsOf(
  hook: InspectedHook,
  { certificates }: ServedCertificates,
  nowS: number,
): readonly Finding[] {
  const chain = readCertificates(certificates.join('\n'));
  const bundle = readCertificates(hook.caBundle);
  const [leaf] = chain;
  const error = (message: string): readonly Finding[] => [
    { severity: 'error', where: hook.where, message: `${hook.name}: ${message}`, hint: trustHint },
  ];
  if (leaf === undefined) return error('no certificate is served');
  if (bundle.length === 0)
    return error("it has no caBundle, so only the API server's own authorities are trusted");
  const { host } = hook.target;
  const anchor = anchorOf({ chain, host }, bundle, nowS);
  if (anchor === undefined) return error(refusalOf({ leaf, chain, bundle }, host, nowS));
  const lives = [{ what: 'the certificate', life: leaf }];
  if (anchor.fingerprint !== leaf.fingerprint)
    lives.push({ what: 'the authority in its caBundle', life: anchor });
  return lives.flatMap((each) => late(hook, each, nowS));
}

interface Presented {
  readonly leaf: CertificateView;
  readonly chain: readonly CertificateView[];
  readonly bundle: readonly CertificateView[];
}

function refusalOf({ leaf, chain, bundle }: Presented, host: string, nowS: number): string {
  if (!coversHost(leaf, host))
    return `the certificate is for ${leaf.x509.subjectAltName ?? 'no name'}, not for ${host}`;
  const over = [...chain, ...bundle].find((each) => each.notAfter <= nowS);
  if (over !== undefined) return `a certificate ended ${dateOf(over)}: ${oneLine(over)}`;
  const early = [...chain, ...bundle].find((each) => !isLive(each, nowS));
  if (early !== undefined) return `a certificate is not valid yet: ${oneLine(early)}`;
  return `its caBundle does not lead to the certificate that is served (issued by ${leaf.x509.issuer.replaceAll('\n', ', ')})`;
}

function oneLine({ x509 }: CertificateView): string {
  return x509.subject === '' ? `serial ${x509.serialNumber}` : x509.subject.replaceAll('\n', ', ');
}

function dateOf({ notAfter }: LifeView): string {
  return new Date(notAfter * 1000).toISOString();
}

function late(
  hook: InspectedHook,
  { what, life }: { readonly what: string; readonly life: LifeView },
  nowS: number,
): readonly Finding[] {
  const leftS = life.notAfter - nowS;
  if (leftS >= (life.notAfter - life.notBefore) * lateShare) return [];
  const left =
    leftS >= dayS ? `${Math.floor(leftS / dayS)} days` : `${Math.floor(leftS / 60)} minutes`;
  return [
    {
      severity: 'warning',
      where: hook.where,
      message: `${hook.name}: ${what} ends in ${left} (${dateOf(life)}) and was not renewed`,
      hint: "look at the webhook's log for why it is not renewed (docs/certificates.md)",
    },
  ];
}
