/**
 * Stand-ins for what a machine may not have, as a program: a Workload API without SPIRE, and Envoy's side of ext_authz
 * without Envoy. Says `ready` once it listens; ends on SIGTERM, or when its standard input closes.
 */
import { parseArgs } from 'node:util';
import { createAuthority } from './jwt-authority.ts';
import { startEnvoyStandIn } from './envoy-stand-in.ts';
import { startEmbeddedWorkloadApi } from './workload-api.ts';

const usage = `usage: main.ts workload-api --trust-domain NAME --socket PATH=SPIFFE-ID [--socket …]
       main.ts envoy --port NUMBER --helper HOST:PORT --rule NAME --upstream HOST:PORT
`;

async function workloadApi(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      'trust-domain': { type: 'string', default: 'example.org' },
      socket: { type: 'string', multiple: true, default: [] },
    },
  });
  const authority = await createAuthority({ trustDomain: values['trust-domain'] });
  for (const pair of values.socket) {
    const equals = pair.indexOf('=');
    const identities = [{ spiffeId: pair.slice(equals + 1) }];
    await startEmbeddedWorkloadApi({ authority, socketPath: pair.slice(0, equals), identities });
  }
}

async function envoy(args: string[]): Promise<void> {
  const text = { type: 'string', default: '' } as const;
  const options = { port: text, helper: text, rule: text, upstream: text };
  const { values } = parseArgs({ args, options });
  await startEnvoyStandIn({ ...values, port: Number(values.port) });
}

const [command, ...args] = process.argv.slice(2);
const programs = new Map([
  ['workload-api', workloadApi],
  ['envoy', envoy],
]);
const program = programs.get(command ?? '');
if (program === undefined) {
  process.stderr.write(usage);
  process.exit(2);
}
await program(args);
process.stdin.on('end', () => process.exit(0)).resume();
process.once('SIGTERM', () => process.exit(0));
process.stdout.write('ready\n');
