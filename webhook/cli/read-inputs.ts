/** Files, folders and standard input become texts with names. */
import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { AppError, messageOf } from '#kernel/errors.ts';
import { readFile } from '../files/load-engine.ts';
import type { SourceText } from '../manifests/manifest.ts';
import { isKustomization, refuseSources } from './refuse-sources.ts';
import type { Terminal } from './terminal.ts';

/** Who reads. */
export interface Reader {
  readonly terminal: Terminal;
  /** As it is written behind `svidecar`: advice names it. */
  readonly command: string;
}

const manifestName = /\.(ya?ml|json)$/;
/**
 * Folders give their `*.yaml`, `*.yml` and `*.json` at any depth, sorted; `-`, or nothing where something is piped
 * in, is standard input.
 * @throws {AppError} FILE_UNREADABLE; USAGE when there is nothing to read, or when it is what kustomize or Helm makes manifests of
 */
export function readInputs(
  paths: readonly string[],
  { terminal, command }: Reader,
): readonly SourceText[] {
  const given = paths.length === 0 && terminal.isPiped ? ['-'] : paths;
  if (given.length === 0) {
    throw new AppError('USAGE', 'nothing to read: name files or folders, or pipe manifests in (-)');
  }
  return given.flatMap((path) =>
    path === '-' ? [{ name: 'stdin', text: terminal.readStdin() }] : readPath(path, command),
  );
}

function readPath(path: string, command: string): readonly SourceText[] {
  const files = isFolder(path) ? filesIn(path) : [path];
  refuseSources({ path, files, command });
  const manifests = files.filter((file) => file === path || !isKustomization(basename(file)));
  if (manifests.length === 0) {
    throw new AppError('FILE_UNREADABLE', `${path} holds no *.yaml, *.yml or *.json`);
  }
  return manifests.map((name) => ({ name, text: readFile(name) }));
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (cause) {
    const isAbsent = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    const message = isAbsent
      ? `${path}: there is no such file or folder`
      : `cannot read ${path}: ${messageOf(cause)}`;
    throw new AppError('FILE_UNREADABLE', message, { cause });
  }
}

/** Those for kustomize and Helm among them. */
function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && isRead(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function isRead(name: string): boolean {
  return manifestName.test(name) || isKustomization(name);
}
