/** Where a command's files are named: as arguments, or by `-f` as for kubectl. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { AppError } from '#kernel/errors.ts';

interface FileFlags {
  readonly filename?: readonly string[];
}

/**
 * The action gets what `-f` names before the arguments, all as its first parameter.
 * @param meaning of the arguments
 */
export function addPaths(command: Command, meaning: string): Command {
  return command
    .argument('[paths...]', meaning)
    .option(
      '-f, --filename <path>',
      'files or folders, as for kubectl: once for each, or with commas',
      collect,
    )
    .hook('preAction', (_program, called) => {
      const { filename = [] } = called.opts<FileFlags>();
      if (filename.length === 0) return;
      const [paths] = called.processedArgs as readonly (readonly string[])[];
      called.processedArgs[0] = [...filename, ...(paths ?? [])];
    });
}

/** @throws {AppError} USAGE for an address, FILE_UNREADABLE for what is not there: what `-f` names is never a live object */
function collect(text: string, earlier: readonly string[] = []): readonly string[] {
  if (/^https?:\/\//.test(text))
    throw new AppError(
      'USAGE',
      `-f ${text}: only files are read; fetch it first, such as with curl, and give it by -f -`,
    );
  const paths = text === '-' || existsSync(text) ? [text] : text.split(',');
  const absent = paths.find((path) => path !== '-' && !existsSync(path));
  if (absent !== undefined)
    throw new AppError('FILE_UNREADABLE', `-f ${absent}: there is no such file or folder`);
  return [...earlier, ...paths];
}
