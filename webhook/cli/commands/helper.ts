/** `svidecar helper`: the auth helper itself, with arguments of its own. */
import { Command } from 'commander';
import type { CliContext } from '../terminal.ts';

const examples = `
Arguments are the helper's own: svidecar helper -help

Example:
  SPIFFE_ENDPOINT_SOCKET=unix:///run/spire/agent.sock svidecar helper -config helper.yaml`;

export function helperCommand({ installation, exit }: CliContext): Command {
  return new Command('helper')
    .description('Runs the auth helper that Envoy asks about each request.')
    .argument('[arguments...]', "the helper's arguments")
    .helpOption('--help', 'display help for command')
    .allowUnknownOption()
    .addHelpText('after', examples)
    .action(async (_arguments: readonly string[], _flags: object, command: Command) => {
      exit(await installation.runHelper(command.args));
    });
}
