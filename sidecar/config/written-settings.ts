/**
 * What the helper reads that people write, and what the schema judges: settings of every form, lists of bans. In the image
 * a file of its own, which a helper with usual settings never opens; so what it throws is told as a value, because a class
 * of one file is not that of another.
 */
import { AppError, type ErrorCode } from '#kernel/errors.ts';
import { readBanList } from './ban-list.ts';
import { readSettings, type HelperSettings } from './settings.ts';
import { readTutorialConf } from './tutorial-conf.ts';

/** What only the tutorial's format writes: its mode, with an equals sign. */
const tutorialMark = /^[ \t]*"?jwt_mode"?[ \t]*=/m;
/** What only ours has: its version. */
const ourMark = /^[ \t]*(?:\{[ \t]*)?"?version"?[ \t]*:/m;

export type WrittenSettings =
  | { readonly kind: 'settings'; readonly settings: HelperSettings }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly words: string };

/**
 * Chooses by the name's ending (`.yaml`, `.yml`, `.json`: ours; `.conf`, `.hcl`: the tutorial's), and for other names by
 * what stands in the text.
 */
export function readWrittenSettings(text: string, fileName: string): WrittenSettings {
  try {
    const isTutorials = formatOf(text, fileName) === 'tutorial';
    const settings = isTutorials ? readTutorialConf(text, fileName) : readSettings(text, fileName);
    return { kind: 'settings', settings };
  } catch (thrown) {
    if (!(thrown instanceof AppError)) throw thrown;
    return { kind: 'refused', code: thrown.code, words: thrown.message };
  }
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

export { readBanList };
