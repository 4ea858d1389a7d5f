/** The injection engine from files: built-in templates, and the configuration with its own. */
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError, messageOf } from '#kernel/errors.ts';
import { checkConfig, readConfig } from '../request/injector-config.ts';
import type { Engine } from '../injection/inject.ts';
import { makeEngine } from '../injection/make-engine.ts';
import { readTemplate } from '../templates/library.ts';
import type { Template } from '../templates/template-schema.ts';
import { decodeText } from './decode-text.ts';
import { readToEnd } from './read-to-end.ts';

/** @throws {AppError} FILE_UNREADABLE also for what is not UTF-8, and for over 256 MiB */
export function readFile(path: string): string {
  return decodeText(readBytes(path), path);
}

/** Where the files are that an executable of ours carries; they can be read whole, and not opened. */
const embedded = '/$bunfs/';

function readBytes(path: string): Buffer {
  try {
    if (path.startsWith(embedded)) return readFileSync(path);
    const descriptor = openSync(path, 'r');
    try {
      return readToEnd(descriptor, path);
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('FILE_UNREADABLE', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  }
}

/** `templates/<name>/template.yaml` of this installation. @throws {AppError} FILE_UNREADABLE, TEMPLATE_INVALID */
export function readBuiltInTemplates(folder: string): Readonly<Record<string, Template>> {
  const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return Object.fromEntries(
    names.map(({ name }) => {
      const path = join(folder, name, 'template.yaml');
      return [name, readTemplate(readFile(path), path)];
    }),
  );
}

export interface EngineFiles {
  /** Folder of the built-in templates. */
  readonly templates: string;
  /** The injector's configuration; absent: all defaults. */
  readonly config: string | undefined;
  readonly kubernetesMinor: number;
  readonly version: string;
  /** Of the installation; absent for the one without a name. */
  readonly revision?: string | undefined;
}

/** @throws {AppError} FILE_UNREADABLE, CONFIG_INVALID, TEMPLATE_INVALID */
export function loadEngine(files: EngineFiles): Engine {
  const builtIn = readBuiltInTemplates(files.templates);
  const config =
    files.config === undefined
      ? checkConfig(undefined, 'the default configuration')
      : readConfig(readFile(files.config), files.config);
  return makeEngine(config, builtIn, files);
}

/** The engine of a configuration that comes from elsewhere. @throws {AppError} CONFIG_INVALID, TEMPLATE_INVALID */
export function engineFromText(
  { text, where }: { readonly text: string; readonly where: string },
  files: Omit<EngineFiles, 'config'>,
): Engine {
  const builtIn = readBuiltInTemplates(files.templates);
  return makeEngine(readConfig(text, where), builtIn, files);
}
