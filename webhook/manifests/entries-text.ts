/** Registrations as `svidecar render entries` prints them. */
import { jsonText } from '#kernel/text.ts';
import { clusterSpiffeId, clusterStaticEntry, staticAlias } from '../identity/controller-forms.ts';
import { nodeAlias, type EntryContent, type Registration } from '../identity/registration.ts';
import { commandFor, entriesDocument } from '../identity/server-forms.ts';
import { yamlOf } from './appended-documents.ts';

export interface EntriesWords {
  readonly as: 'commands' | 'json' | 'objects' | 'static';
  /** First the entry that gives agents with these selectors their SPIFFE ID. */
  readonly nodeAlias: readonly string[];
  /** Of objects. */
  readonly className?: string | undefined;
  /** Of commands: what runs them, and the server's socket. */
  readonly server?: string | undefined;
  readonly socketPath?: string | undefined;
}

/** The registrations in one of these forms. */
export function entriesText(registrations: readonly Registration[], words: EntriesWords): string {
  const { className = '', socketPath, server: program = 'spire-server' } = words;
  const aliases = aliasesFor(registrations, words.nodeAlias);
  const entries = [...aliases, ...registrations];
  switch (words.as) {
    case 'commands': {
      const words = { program, ...(socketPath === undefined ? {} : { socketPath }) };
      return entries.map((each) => commandFor(each, words)).join('\n');
    }
    case 'json':
      return jsonText(entriesDocument(entries));
    case 'objects':
      return yamlStream(registrations.map((each) => clusterSpiffeId(each, className)));
    case 'static':
      return yamlStream([
        ...aliases.map((each) => staticAlias(each, className)),
        ...registrations.map((each) => clusterStaticEntry(each, className)),
      ]);
    default:
      return words.as satisfies never;
  }
}

/** One for each parent that is named. */
function aliasesFor(
  registrations: readonly Registration[],
  selectors: readonly string[],
): readonly EntryContent[] {
  if (selectors.length === 0) return [];
  const parents = new Set(registrations.map(({ parentId }) => parentId));
  return [...parents].map((parentId) => nodeAlias(parentId, selectors));
}

/** Each once. */
function yamlStream(objects: readonly object[]): string {
  return [...new Set(objects.map((each) => `---\n${yamlOf(each)}`))].join('');
}
