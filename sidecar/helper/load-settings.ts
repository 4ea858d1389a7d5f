/**
 * Settings from a file's text, in either format. What reads other than usual ones, and lists of bans, is loaded when it is
 * first needed: in the image it is a file of its own, which most helpers never open.
 */
import { AppError, messageOf } from '#kernel/errors.ts';
import type { HelperSettings } from '../config/settings.ts';
import { readUsualSettings } from '../config/usual-settings.ts';
import type * as Written from '../config/written-settings.ts';

type WrittenReaders = typeof Written;

let loaded: WrittenReaders | undefined;

/** Undefined before they were first needed: settings with a rule that bans have needed them. */
export function loadedReaders(): WrittenReaders | undefined {
  return loaded;
}

/** @throws {AppError} CONFIG_INVALID where the file that holds them is missing */
export async function writtenReaders(): Promise<WrittenReaders> {
  try {
    loaded ??= await import('../config/written-settings.ts');
    return loaded;
  } catch (thrown) {
    const words = `what reads YAML, the tutorial's conf and lists of bans could not be loaded: put settings.cjs of the same release beside helper.cjs (${messageOf(thrown)})`;
    throw new AppError('CONFIG_INVALID', words, { cause: thrown });
  }
}

/** @throws {AppError} CONFIG_INVALID */
export async function loadSettings(text: string, fileName: string): Promise<HelperSettings> {
  const usual = readUsualSettings(text);
  if (usual !== undefined) return usual;
  const { readWrittenSettings } = await writtenReaders();
  const read = readWrittenSettings(text, fileName);
  if (read.kind === 'refused') throw new AppError(read.code, read.words);
  return read.settings;
}
