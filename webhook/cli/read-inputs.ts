/** Files, folders and standard input become texts with names. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AppError, messageOf } from '#kernel/errors.ts';
import { readFile } from '../files/load-engine.ts';
import type { SourceText } from './manifest.ts';
import type { Terminal } from './terminal.ts';

const manifestName = /\.(ya?ml|json)$/;
/** For kustomize, not for the cluster: kubectl cannot apply it. */
const kustomization = /^kustomization\.ya?ml$/;

/**
 * Folders give their `*.yaml`, `*.yml` and `*.json` at any depth, sorted; `-`, or nothing where something is piped
 * in, is standard input.
 * @throws {AppError} FILE_UNREADABLE; USAGE when there is nothing to read
 */
export function readInputs(paths: readonly string[], terminal: Terminal): readonly SourceText[] {
  const given = paths.length === 0 && terminal.isPiped ? ['-'] : paths;
  if (given.length === 0) {
    throw new AppError('USAGE', 'nothing to read: name files or folders, or pipe manifests in (-)');
  }
  return given.flatMap((path) =>
    path === '-' ? [{ name: 'stdin', text: terminal.readStdin() }] : readPath(path),
  );
}

function readPath(path: string): readonly SourceText[] {
  const files = isFolder(path) ? filesIn(path) : [path];
  if (files.length === 0) {
    throw new AppError('FILE_UNREADABLE', `${path} holds no *.yaml, *.yml or *.json`);
  }
  return files.map((name) => ({ name, text: readFile(name) }));
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (cause) {
    throw new AppError('FILE_UNREADABLE', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  }
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && manifestName.test(entry.name))
    .filter((entry) => !kustomization.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
