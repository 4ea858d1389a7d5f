/** `svidecar bans`: the service that others call to ban. */
import { once } from 'node:events';
import { Command } from 'commander';
import { readFile } from '../../files/load-engine.ts';
import { createLog } from '../../server/log.ts';
import type { CliContext } from '../terminal.ts';

interface BansServeFlags {
  readonly config: string;
}

const examples = `
Example:
  svidecar bans serve --config bans.yaml

The settings, and manifests for a cluster: docs/bans-service.md.
SIGTERM: says "not ready", serves on while the cluster takes it out of its endpoints, then ends.`;

export function bansCommand(context: CliContext): Command {
  return new Command('bans')
    .summary('the service that others call to ban')
    .description('A service that bans over REST, and by OpenID Connect Back-Channel Logout.')
    .addCommand(serveBansCommand(context));
}

function serveBansCommand(context: CliContext): Command {
  return new Command('serve')
    .summary('run it')
    .description(
      'Runs the service: PUT, DELETE and GET /bans/{claim}/{value}, GET /bans, GET /check, POST /logout.\nCallers show JWT-SVIDs or X.509-SVIDs; /openapi.json describes all of it.',
    )
    .requiredOption('-c, --config <file>', "the service's settings (YAML)")
    .addHelpText('after', examples)
    .action((flags: BansServeFlags) => run(flags, context));
}

async function run({ config }: BansServeFlags, context: CliContext): Promise<void> {
  const { terminal, installation } = context;
  // Loaded when called: other commands need neither the settings, nor the server, nor the store.
  const { readServiceSettings } = await import('../../../bans/service/service-settings.ts');
  const settings = readServiceSettings(readFile(config), config);
  const { serveBans } = await import('../../../bans/server/serve-bans.ts');
  const { openServedStore } = await import('../../../bans/server/served-store.ts');
  const interrupted = terminal.untilInterrupted();
  const clock = { now: terminal.now };
  const log = createLog(settings.logLevel);
  const store = await openServedStore(settings.store, clock);
  const { version } = installation;
  const serving = await serveBans({ settings, store, version, clock, log });
  if (!interrupted.aborted) await once(interrupted, 'abort');
  await serving.stop();
}
