/** What bench:helper and bench:native have in common: an identity, helpers that use it, and how figures are shown. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { memoryEnvironment } from '../../scripts/memory-environment.ts';
import { createAuthority } from '../../sidecar/stand-ins/jwt-authority.ts';
import { startEmbeddedWorkloadApi } from '../../sidecar/stand-ins/workload-api.ts';
import type { HelperSettingsInput } from '../../sidecar/config/settings.ts';
import { freePort } from '../integration/harness/free-port.ts';
import { waitUntil } from '../integration/harness/processes.ts';
import { startHelper, type HelperProcess } from '../integration/mesh/helper-process.ts';
import { binaryOf, type HelperRuntime } from '../integration/runtimes.ts';

const id = 'spiffe://example.org/frontend';
/** The demo's. */
export const audience = 'spiffe://example.org/ns/demo/sa/backend';
/** Seconds: nothing is renewed while it is measured. */
const ttlS = 3_600;

export interface HelperSite {
  /** SPIFFE_ENDPOINT_SOCKET. */
  readonly workloadApi: string;
  /** A token for the validate rule. */
  readonly mint: () => Promise<string>;
  /** A helper with the rules `jwt-inject` and `jwt-validate`, once it is ready. */
  readonly start: (dataPath: HelperSettingsInput['dataPath']) => Promise<HelperProcess>;
}

/** @param told.closers get what undoes it, in the order in which it is to be done. */
export async function startHelperSite(told: {
  readonly folder: string;
  readonly runtime: HelperRuntime;
  readonly closers: Closers;
}): Promise<HelperSite> {
  const { folder, runtime, closers } = told;
  const authority = await createAuthority({ trustDomain: 'example.org' });
  const api = await startEmbeddedWorkloadApi({
    authority,
    socketPath: `${folder}/agent.sock`,
    identities: [{ spiffeId: id }],
    jwtTtlS: ttlS,
  });
  closers.unshift(() => api.close());
  return {
    workloadApi: api.address,
    mint: () => authority.mint({ spiffeId: id, audiences: [audience], ttlS }),
    start: async (dataPath) => {
      const helper = await startHelper({
        name: `helper-${dataPath ?? ''}`,
        runtime,
        folder,
        workloadApi: api.address,
        dataPath,
        rules: [
          { name: 'jwt-inject', mode: 'inject', audience },
          { name: 'jwt-validate', mode: 'validate', audiences: [audience] },
        ],
      });
      closers.unshift(() => helper.stop());
      await waitUntil('it is ready', async () => (await helper.page('/readyz')).status === 200);
      return helper;
    },
  };
}

/** What undoes a start, in the order in which it is to be done. */
type Closers = (() => unknown)[];

/** The least that a gRPC server costs on a runtime: it gives every call the same answer. */
export async function startBareServer(
  runtime: HelperRuntime,
  closers: Closers,
): Promise<{ readonly port: number; readonly pid: number }> {
  const port = await freePort();
  const args = ['test/bench/helper-bare.cjs', String(port)];
  const env = { ...process.env, ...memoryEnvironment };
  const child = spawn(binaryOf(runtime), args, { stdio: 'inherit', env });
  closers.unshift(() => child.kill());
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  return { port, pid: child.pid ?? 0 };
}

/** Where requests go that Envoy lets through. @returns its port on loopback */
export async function startUpstream(closers: Closers): Promise<number> {
  const upstream = createServer((_request, response) => response.end('ok'));
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  closers.unshift(() => upstream.close());
  // Listening on loopback on a free port: a number.
  return (upstream.address() as AddressInfo).port;
}

interface ProcessMemory {
  /** Dirty pages, which each further pod on a node costs anew. */
  readonly privateMib: number;
  readonly rssMib: number;
  /** With a share of what other processes have as well. */
  readonly pssMib: number;
}

/** MiB of a process. */
export function memoryMib(pid: number): ProcessMemory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kib = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1]);
  return {
    privateMib: kib('Private_Dirty') / 1_024,
    rssMib: kib('Rss') / 1_024,
    pssMib: kib('Pss') / 1_024,
  };
}

/** A table for people, and one line of JSON. */
export function printFigures(figures: Readonly<Record<string, number | string>>): void {
  const rounded = Object.entries(figures).map(
    ([key, value]) =>
      [key, typeof value === 'number' ? Number(value.toPrecision(3)) : value] as const,
  );
  for (const [key, value] of rounded) console.log(`${key.padEnd(45)} ${value}`);
  console.log(JSON.stringify(Object.fromEntries(rounded)));
}
