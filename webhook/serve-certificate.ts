/** The serving certificate of the running program: its source, and what it needs of the cluster. No decisions. */
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/observe.ts';
import { openCertificate, type CertificateChoice, type ServingCertificate } from '../certs/open.ts';
import type { Lives } from '../certs/plan/lives.ts';
import type { KubernetesApi } from './kube/kubernetes-api.ts';
import { FollowedHookConfigurations } from './kube/hook-configurations.ts';
import { Lease, type LeaseTimes } from './kube/lease.ts';
import { defaultApiLimits } from './kube/api-limits.ts';
import { SecretKeys } from './kube/secret-keys.ts';
import { revisionLabel } from './request/metadata-keys.ts';
import { defaultHooksName, nameFor, noRevision } from './request/revision.ts';
import { CertificateFiles } from './files/certificate-files.ts';

/** Where the serving certificate comes from. */
export type CertificateSettings =
  /** Folder with `tls.crt` and `tls.key`; somebody else manages the caBundle. */
  | { readonly kind: 'files'; readonly folder: string }
  | { readonly kind: 'self_signed'; readonly lives: Lives }
  /** Address of SPIRE's Workload API. */
  | { readonly kind: 'spiffe'; readonly address: string };

export interface CertificateOptions {
  readonly settings: CertificateSettings;
  /** The Service that our webhook configurations name. */
  readonly service: string;
  /** Names and addresses that the certificate must have beside the Service's. */
  readonly hosts?: readonly string[];
  /** Of this replica, different for each start. */
  readonly identity: string;
  readonly leaseTimes?: LeaseTimes;
}

export interface ServeCertificateOptions {
  readonly certificate: CertificateOptions;
  readonly api: KubernetesApi;
  /** svidecar's own namespace. */
  readonly namespace: string;
  /** Of the installation; empty for the one without a name. */
  readonly revision: string;
  readonly configurations: FollowedHookConfigurations;
  readonly clock: Clock;
  readonly log: Log;
}

const secretName = 'svidecar-tls';
const leaseName = 'svidecar';

/** Our hooks in the cluster, which are followed once the certificate is served. */
export function followedHooks(
  {
    certificate,
    api,
    namespace,
    clock,
    log,
  }: Omit<ServeCertificateOptions, 'configurations' | 'revision'>,
  revision: string,
): FollowedHookConfigurations {
  const own = {
    namespace,
    name: certificate.service,
    label: { key: revisionLabel, value: revision },
    byDefault: { name: defaultHooksName, isUsual: revision === noRevision },
  };
  const random = Math.random;
  return new FollowedHookConfigurations(own, { api, clock, log, random, limits: defaultApiLimits });
}

/**
 * Follows what the certificate depends on until `signal` aborts. Returns before there is a certificate, unless it comes
 * from files.
 * @throws {AppError} CERTIFICATE_INVALID, FILE_UNREADABLE, CONFIG_INVALID
 */
export async function serveCertificate(
  options: ServeCertificateOptions,
  signal: AbortSignal,
): Promise<ServingCertificate> {
  const { api, clock, log, namespace, revision, configurations } = options;
  const { service, settings, leaseTimes, identity, hosts = [] } = options.certificate;
  const random = Math.random;
  const follow = { api, clock, log, random, limits: defaultApiLimits };
  const lease = new Lease({
    api,
    clock,
    log,
    random,
    namespace,
    name: nameFor(leaseName, revision),
    identity,
    ...(leaseTimes === undefined ? {} : { times: leaseTimes }),
  });
  const store = new SecretKeys({ namespace, name: nameFor(secretName, revision) }, follow);
  const certificate = await openCertificate(
    await choiceOf(settings, { store, clock, log, signal }),
    {
      configurations,
      clock,
      log,
      random,
      leadership: lease,
      hosts: [`${service}.${namespace}.svc`, ...hosts],
    },
  );
  configurations.start(signal);
  if (settings.kind === 'self_signed') store.start(signal);
  if (settings.kind !== 'files') void lease.run(signal);
  certificate.start(signal);
  return certificate;
}

async function choiceOf(
  settings: CertificateSettings,
  parts: {
    readonly store: SecretKeys;
    readonly clock: Clock;
    readonly log: Log;
    readonly signal: AbortSignal;
  },
): Promise<CertificateChoice> {
  const { store, clock, log, signal } = parts;
  if (settings.kind === 'self_signed') return { ...settings, store };
  if (settings.kind === 'spiffe') return settings;
  const source = new CertificateFiles({ folder: settings.folder, clock, log });
  await source.start(signal);
  return { kind: 'given', source };
}
