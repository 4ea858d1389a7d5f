/** A terminal that remembers what was printed. */
import { helperVersion } from '../../sidecar/helper/version.ts';
import { join } from 'node:path';
import { runCli } from '../../webhook/cli/program.ts';
import type { Installation, Terminal } from '../../webhook/cli/terminal.ts';

const root = join(import.meta.dirname, '../..');
const installation: Installation = {
  version: helperVersion,
  templates: join(root, 'templates'),
  demo: join(root, 'manifests/demo'),
  helperProgram: join(root, 'sidecar/main.ts'),
  standInProgram: join(root, 'sidecar/stand-ins/main.ts'),
  envoy: undefined,
  runHelper: () => Promise.resolve(0),
  askWorkloadApi: (address) =>
    Promise.resolve({ address, kind: 'no_identity', text: 'a stand-in' }),
  page: (name) => ({
    html: `<!doctype html><title>svidecar ${name}</title>`,
    policy: "default-src 'none'",
  }),
};

export interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs one command line. @param options.stdin is piped in; without it nothing is. */
export async function runSvidecar(
  words: readonly string[],
  options: { readonly stdin?: string; readonly isTerminal?: boolean } = {},
): Promise<CliResult> {
  let out = '';
  let err = '';
  const isTerminal = options.isTerminal ?? false;
  const terminal: Terminal = {
    out: (text) => (out += text),
    err: (text) => (err += text),
    hasColor: isTerminal,
    isInteractive: isTerminal,
    isPiped: options.stdin !== undefined,
    readStdin: () => options.stdin ?? '',
    untilInterrupted: () => AbortSignal.abort(),
    now: () => Date.now(),
  };
  const code = await runCli(words, { terminal, installation });
  return { code, out, err };
}
