/** Where registrations are read from: SPIRE's server, or what its own command has printed. */
import type { Command } from 'commander';
import { AppError } from '#kernel/errors.ts';
import type { ClusterFacts } from '../checks/facts.ts';
import { readFile } from '../files/load-engine.ts';
import { readEntryList } from '../identity/read-entry-list.ts';
import { readSpire } from '../survey/read-spire.ts';
import type { SpireServerApi } from '../spire/spire-server-api.ts';
import type { CliContext, Terminal } from './terminal.ts';

export interface SpireServerFlags {
  readonly spireServer?: string;
  readonly workloadApi?: string;
}

export interface SpireFlags extends SpireServerFlags {
  readonly entries?: string;
}

/** Milliseconds for all that is asked of SPIRE's server. */
const spireMs = 60_000;

export function addSpireFlags(command: Command): Command {
  return addSpireServerFlags(command).option(
    '--entries <file>',
    'instead of the server: what "spire-server entry show -output json" prints, or - for standard input',
  );
}

export function addSpireServerFlags(command: Command): Command {
  return command
    .option(
      '--spire-server <address>',
      "SPIRE's server: unix:///path of its socket, or host:port (then with --workload-api)",
    )
    .option(
      '--workload-api <socket>',
      "with host:port: where an administrator's X.509-SVID comes from",
    );
}

/** @throws {AppError} USAGE, FILE_UNREADABLE, ENTRIES_INVALID, CONFIG_INVALID; a server that does not answer is a fact */
export async function spireFacts(
  flags: SpireFlags,
  { terminal }: Pick<CliContext, 'terminal'>,
): Promise<ClusterFacts['spire']> {
  const { spireServer, entries } = flags;
  if (spireServer !== undefined && entries !== undefined)
    throw new AppError('USAGE', 'give --spire-server or --entries, not both');
  if (entries !== undefined) return fromText(entries, terminal);
  if (spireServer === undefined)
    return { kind: 'not_asked', reason: 'give --spire-server or --entries to see registrations' };
  const api = await openSpire(flags);
  try {
    return await readSpire(api, AbortSignal.timeout(spireMs));
  } finally {
    api.close();
  }
}

/**
 * @param usual what a configuration says, where a flag is not given
 * @throws {AppError} USAGE, CONFIG_INVALID
 */
export async function openSpire(
  flags: SpireServerFlags,
  usual?: { readonly server: string; readonly workloadApi: string },
): Promise<SpireServerApi> {
  const server = flags.spireServer ?? usual?.server ?? '';
  const workloadApi = flags.workloadApi ?? usual?.workloadApi;
  const address = server.startsWith('/') ? `unix://${server}` : server;
  if (!address.startsWith('unix:') && workloadApi === undefined)
    throw new AppError(
      'USAGE',
      `--spire-server ${server} is asked by mTLS: give --workload-api with the socket that an administrator's X.509-SVID comes from`,
    );
  // Loaded when called: gRPC is a large library.
  const { openSpireServer } = await import('../spire/open-spire-server.ts');
  return openSpireServer({ address, workloadApi: asAddress(workloadApi ?? '') });
}

/** Of a Workload API: a path stands for its socket. */
export function asAddress(socket: string): string {
  return /^(unix|tcp):/.test(socket) ? socket : `unix://${socket}`;
}

/** @throws {AppError} USAGE where two inputs want standard input */
export function refuseTwoStdins(paths: readonly string[], { entries }: SpireFlags): void {
  if (entries === '-' && paths.includes('-'))
    throw new AppError(
      'USAGE',
      'only one of the manifests and --entries can be standard input (-)',
    );
}

function fromText(path: string, terminal: Terminal): ClusterFacts['spire'] {
  const isStdin = path === '-';
  const source = isStdin ? 'stdin' : path;
  const entries = readEntryList(isStdin ? terminal.readStdin() : readFile(path), source);
  const [first] = entries;
  return {
    kind: 'known',
    value: {
      source,
      entries,
      // All entries of a server are of its own trust domain.
      trustDomain: first?.spiffeId.split('/')[2],
      federated: undefined,
      agents: undefined,
    },
  };
}
