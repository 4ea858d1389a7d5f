/** Names of revisions on the command line. */
import type { Command } from 'commander';
import { AppError } from '#kernel/errors.ts';
import { revisionFault } from '../request/revision.ts';

/** @throws {AppError} USAGE */
export function parseRevision(text: string): string {
  const fault = revisionFault(text);
  if (fault === undefined) return text;
  throw new AppError('USAGE', `revision ${text}: a name ${fault}`);
}

/** For a command that decides about manifests. */
export function addRevisionFlag(command: Command): Command {
  return command.option(
    '--revision <name>',
    'whose configuration it is, where several are installed: decide as that one does (default: by the labels)',
    parseRevision,
  );
}
