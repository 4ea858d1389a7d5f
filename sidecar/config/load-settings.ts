/** Settings from a file's text, in either format. */
import { AppError } from '#kernel/errors.ts';
import { readSettings, type HelperSettings } from './settings.ts';
import { readTutorialConf } from './tutorial-conf.ts';

/** What only the tutorial's format writes: its mode, with an equals sign. */
const tutorialMark = /^[ \t]*"?jwt_mode"?[ \t]*=/m;
/** What only ours has: its version. */
const ourMark = /^[ \t]*(?:\{[ \t]*)?"?version"?[ \t]*:/m;

/**
 * Chooses by the name's ending (`.yaml`, `.yml`, `.json`: ours; `.conf`, `.hcl`: the tutorial's), and for other names by
 * what stands in the text. @throws {AppError} CONFIG_INVALID
 */
export function loadSettings(text: string, fileName: string): HelperSettings {
  const isTutorials = formatOf(text, fileName) === 'tutorial';
  return isTutorials ? readTutorialConf(text, fileName) : readSettings(text, fileName);
}

function formatOf(text: string, fileName: string): 'tutorial' | 'yaml' {
  if (/\.(?:ya?ml|json)$/i.test(fileName)) return 'yaml';
  // A mounted file may have been given any name: what it holds decides.
  if (tutorialMark.test(text)) return 'tutorial';
  if (ourMark.test(text)) return 'yaml';
  if (/\.(?:conf|hcl)$/i.test(fileName)) return 'tutorial';
  const words = `${fileName}: neither svidecar's format ("version: 1") nor the tutorial's (jwt_mode = "…")`;
  throw new AppError('CONFIG_INVALID', words);
}
