/** The flags of `svidecar serve` that say where its certificate comes from. */
import { Option, type Command } from 'commander';
import { AppError } from '#kernel/errors.ts';
import { checkedLives } from '../../certs/plan/lives.ts';
import type { CertificateSettings } from '../serve-certificate.ts';
import { parseDuration } from './duration.ts';

export interface CertificateFlags {
  readonly certificateSource?: 'self-signed' | 'files' | 'spiffe';
  readonly certificates?: string;
  readonly workloadApi?: string;
  readonly certificateHost?: readonly string[];
  readonly service: string;
  readonly leafLife?: number;
  readonly caLife?: number;
  readonly certificateSettle?: number;
}

/** Of the installation without a name; others have theirs after it. */
export const usualService = 'svidecar';
const defaultWorkloadApi = 'unix:///spiffe-workload-api/spire-agent.sock';

export function addCertificateFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--certificate-source <source>',
        'where the serving certificate comes from (default: files where --certificates is given, otherwise self-signed)',
      ).choices(['self-signed', 'files', 'spiffe']),
    )
    .option(
      '--certificates <folder>',
      'files: folder with tls.crt and tls.key; followed while they change',
    )
    .option(
      '--workload-api <address>',
      `spiffe: SPIRE's Workload API (default: "${defaultWorkloadApi}")`,
    )
    .option('--service <name>', 'Service that the webhook configurations name', usualService)
    .option(
      '--certificate-host <name>',
      "DNS name or IP address that the certificate must have beside the Service's; repeatable",
      (name: string, names: readonly string[] | undefined) => [...(names ?? []), name],
    )
    .option('--leaf-life <duration>', 'self-signed: life of a leaf (default: 7d)', parseDuration)
    .option('--ca-life <duration>', 'self-signed: life of the CA (default: 365d)', parseDuration)
    .option(
      '--certificate-settle <duration>',
      'self-signed: how long a new CA is in every caBundle before it signs (default: 60s, or less for short leaves)',
      parseDuration,
    );
}

/** @throws {AppError} USAGE when flags contradict each other, or a life is out of its limits */
export function certificateSettings(flags: CertificateFlags): CertificateSettings {
  const { certificates } = flags;
  const source = flags.certificateSource ?? (certificates === undefined ? 'self-signed' : 'files');
  allowOnly(flags, source);
  switch (source) {
    case 'files':
      if (certificates === undefined) {
        throw new AppError('USAGE', '--certificate-source files needs --certificates FOLDER');
      }
      return { kind: 'files', folder: certificates };
    case 'spiffe':
      return { kind: 'spiffe', address: flags.workloadApi ?? defaultWorkloadApi };
    case 'self-signed':
      return { kind: 'self_signed', lives: checkedLives(setLives(flags)) };
    default:
      return source satisfies never;
  }
}

function setLives({ leafLife, caLife, certificateSettle }: CertificateFlags): {
  leafS?: number;
  authorityS?: number;
  settleS?: number;
} {
  return {
    ...(leafLife === undefined ? {} : { leafS: leafLife }),
    ...(caLife === undefined ? {} : { authorityS: caLife }),
    ...(certificateSettle === undefined ? {} : { settleS: certificateSettle }),
  };
}

const belongsTo = {
  certificates: ['--certificates', 'files'],
  workloadApi: ['--workload-api', 'spiffe'],
  leafLife: ['--leaf-life', 'self-signed'],
  caLife: ['--ca-life', 'self-signed'],
  certificateSettle: ['--certificate-settle', 'self-signed'],
} as const;

/** A flag that has no effect is a mistake. */
function allowOnly(flags: CertificateFlags, source: string): void {
  for (const [name, [flag, owner]] of Object.entries(belongsTo)) {
    const isSet = Object.entries(flags).some(([key, value]) => key === name && value !== undefined);
    if (isSet && owner !== source) {
      throw new AppError('USAGE', `${flag} goes with --certificate-source ${owner}, not ${source}`);
    }
  }
}
