/** Where the tree names its own version, and how another is written there. Pure. */

/** As in `1.2.3` and `1.2.3-rc.1`. */
export const versionForm = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/;

interface Place {
  readonly files: RegExp;
  /** What stands before and after the version, in groups of those names. */
  readonly words: readonly Words[];
}

interface Words {
  readonly before: string;
  readonly after: string;
}

/** What was released or decided stays as it was written. */
const history = /^(CHANGELOG\.md|docs\/adr\/.*|test\/fakes\/injected-by-.*)$/;

const places: readonly Place[] = [
  {
    files: /(^|\/)[^/]*$/,
    words: [{ before: 'svidecar/(?:helper|webhook|demo):', after: '(?!\\w|\\.\\w)' }],
  },
  {
    files: /^package(-lock)?\.json$/,
    words: [{ before: '"name": "svidecar",\\n\\s+"version": "', after: '"' }],
  },
  {
    files: /^sidecar\/helper\/version\.ts$/,
    words: [{ before: "helperVersion = '", after: "'" }],
  },
  {
    files: /^manifests\/helm\/svidecar\/Chart\.yaml$/,
    words: [
      { before: '\\nversion: ', after: '\\n' },
      { before: '\\nappVersion: ', after: '\\n' },
    ],
  },
  {
    files: /^docs\/.*\.md$/,
    words: [{ before: 'scripts/release ', after: '(?!\\w|\\.\\w)' }],
  },
];

export interface Versions {
  readonly from: string;
  readonly to: string;
}

const someVersion = String.raw`\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?`;

function wordsIn(path: string): readonly Words[] {
  if (history.test(path)) return [];
  return places.filter(({ files }) => files.test(path)).flatMap(({ words }) => words);
}

/** A version at its place. */
function placed(version: string, { before, after }: Words): RegExp {
  return new RegExp(`(?<=${before})${version}(?=${after})`, 'g');
}

/** What a file of the tree calls its own version, by its path from the top. */
export function versionsIn(path: string, text: string): readonly string[] {
  return wordsIn(path).flatMap((words) => text.match(placed(someVersion, words)) ?? []);
}

/** The text of a file of the tree, by its path from the top, with `to` wherever it calls `from` its own version. */
export function withVersion(path: string, text: string, { from, to }: Versions): string {
  return wordsIn(path).reduce(
    (changed, words) => changed.replaceAll(placed(from.replaceAll('.', '\\.'), words), to),
    text,
  );
}

/** The changelog with a section for the version on top; one for a version that was never released becomes it. */
export function withSection(changelog: string, version: string): string {
  const top = /^## (?<heading>.*)$/m.exec(changelog);
  if (top === null)
    throw new Error('CHANGELOG.md has no section: begin it with "## VERSION - unreleased"');
  const wanted = `## ${version} - unreleased`;
  const isOpen = top.groups?.['heading']?.endsWith('unreleased') === true;
  const rest = changelog.slice(top.index + (isOpen ? top[0].length : 0));
  return `${changelog.slice(0, top.index)}${wanted}${isOpen ? '' : '\n\n'}${rest}`;
}
