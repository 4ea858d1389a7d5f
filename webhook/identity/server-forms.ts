/** Registrations as SPIRE's server takes them on its command line. */
import type { Json, JsonObject } from '#kernel/json.ts';
import type { EntryContent, RegistrationTerms } from './registration.ts';
import { selectorParts } from './selector-parts.ts';

export interface CommandWords {
  /** What runs the server's command line, as a shell reads it, such as `kubectl exec … -- /opt/spire/bin/spire-server`. */
  readonly program: string;
  /** Of the server's socket, where it is not the usual one. */
  readonly socketPath?: string;
  /** Whether its X.509-SVID may ask the server for everything. */
  readonly isAdmin?: boolean;
}

/** @see spire-server entry create */
export function commandFor(entry: EntryContent, words: CommandWords): string {
  const flags = [
    ['-spiffeID', entry.spiffeId],
    ['-parentID', entry.parentId],
    ...entry.selectors.map((each) => ['-selector', each]),
    ...entry.dnsNames.map((each) => ['-dns', each]),
    ...entry.federatesWith.map((each) => ['-federatesWith', `spiffe://${each}`]),
    ...termFlags(entry),
    ...(words.isAdmin === true ? [['-admin']] : []),
    ...(words.socketPath === undefined ? [] : [['-socketPath', words.socketPath]]),
  ];
  const lines = flags.map(([flag = '', value]) => `  ${withValue(flag, value)}`);
  return `${words.program} entry create \\\n${lines.join(' \\\n')}\n`;
}

/** What begins with a hyphen could be read as a flag of its own. */
function withValue(flag: string, value: string | undefined): string {
  if (value === undefined) return flag;
  return value.startsWith('-') ? `${flag}=${quoted(value)}` : `${flag} ${quoted(value)}`;
}

function termFlags(terms: RegistrationTerms): readonly (readonly string[])[] {
  const { hint, x509SvidTtlS, jwtSvidTtlS, isPrefetched } = terms;
  return [
    ...(x509SvidTtlS === 0 ? [] : [['-x509SVIDTTL', `${x509SvidTtlS}`]]),
    ...(jwtSvidTtlS === 0 ? [] : [['-jwtSVIDTTL', `${jwtSvidTtlS}`]]),
    ...(hint === '' ? [] : [['-hint', hint]]),
    ...(isPrefetched ? [] : [['-disableX509SVIDPrefetch']]),
  ];
}

/** What `spire-server entry create -data` reads. @see spire.common.RegistrationEntries */
export function entriesDocument(entries: readonly EntryContent[]): JsonObject {
  return { entries: entries.map(entryObject) };
}

function entryObject(entry: EntryContent): Json {
  const { dnsNames, federatesWith, hint, x509SvidTtlS, jwtSvidTtlS } = entry;
  return {
    spiffe_id: entry.spiffeId,
    parent_id: entry.parentId,
    selectors: entry.selectors.map(selectorParts),
    ...(dnsNames.length === 0 ? {} : { dns_names: [...dnsNames] }),
    ...(federatesWith.length === 0
      ? {}
      : { federates_with: federatesWith.map((each) => `spiffe://${each}`) }),
    ...(x509SvidTtlS === 0 ? {} : { x509_svid_ttl: x509SvidTtlS }),
    ...(jwtSvidTtlS === 0 ? {} : { jwt_svid_ttl: jwtSvidTtlS }),
    ...(hint === '' ? {} : { hint }),
    ...(entry.isPrefetched ? {} : { additional_attributes: { disable_x509_svid_prefetch: true } }),
  };
}

/** For a POSIX shell. */
function quoted(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
