/**
 * Names that servers take for the same header. CGI and all that follows it (WSGI, Rack, PHP, FastCGI) make `HTTP_X_CALLER` of
 * `X-Caller` and of `X_Caller`; PHP does so of `X.Caller` besides. A server that reads names by their letters and digits alone
 * would take still others for it.
 */

/** What stands between words in a header's name. */
const separators = ['-', '_', '.'] as const;
/** Separators in the name of a header whose spellings are listed: three to the power of it. */
export const maxSeparators = 4;

const isSeparator = /[-_.]/g;

export function separatorsIn(name: string): number {
  return name.match(isSeparator)?.length ?? 0;
}

/** All spellings with other separators, the name itself first. @param name in lower case, with at most {@link maxSeparators} */
export function spellingsOf(name: string): readonly string[] {
  const [first = '', ...words] = name.split(isSeparator);
  let spellings = [first];
  for (const word of words)
    spellings = spellings.flatMap((start) =>
      separators.map((separator) => `${start}${separator}${word}`),
    );
  return [name, ...spellings.filter((spelling) => spelling !== name)];
}
