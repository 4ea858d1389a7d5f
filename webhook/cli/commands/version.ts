/** `svidecar version`, as other command lines of Kubernetes have it. */
import { Command } from 'commander';
import type { CliContext } from '../terminal.ts';

export function versionCommand({ terminal, installation }: CliContext): Command {
  return new Command('version')
    .summary('print the version of this command line')
    .description(
      'Print the version of this command line, as --version does. What is installed in a cluster is listed by: svidecar revision list',
    )
    .action(() => {
      terminal.out(`${installation.version}\n`);
    });
}
