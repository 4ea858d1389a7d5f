/** Hosts that a rule distinguishes (`host`, `host:port`, `*.suffix`), looked up by what a virtual host or a rewrite names. */

export interface HostPatterns {
  /** In their order. */
  readonly all: readonly string[];
  /** Those that name a host, or a domain of a virtual host taken for one; as places in the list, in order. */
  readonly naming: (host: string) => readonly number[];
  /** Those that requests to a domain of a virtual host (`*`, `*.suffix`, `prefix.*`, or a host) can be for. */
  readonly overlapping: (domain: string) => readonly number[];
}

/** @param spend called with the number of pattern and domain pairs that are compared */
export function hostPatterns(
  hosts: readonly string[],
  spend: (pairs: number) => void,
): HostPatterns {
  const all = [...new Set(hosts)];
  const patterns = all.map((pattern, index) => ({ text: pattern.toLowerCase(), index }));
  const isSuffix = ({ text }: { readonly text: string }): boolean => text.startsWith('*.');
  const exact = Map.groupBy(
    patterns.filter((one) => !isSuffix(one)),
    ({ text }) => text,
  );
  const suffixes = Map.groupBy(patterns.filter(isSuffix), ({ text }) => text.slice(1));
  const lengths = [...new Set([...suffixes.keys()].map(({ length }) => length))];
  const naming = (host: string): readonly number[] => {
    const given = host.toLowerCase();
    const bare = given.replace(/:\d+$/, '');
    const ends = lengths.filter((length) => bare.at(-length) === '.');
    const found = [
      ...(exact.get(given) ?? []),
      ...(bare === given ? [] : (exact.get(bare) ?? [])),
      ...ends.flatMap((length) => suffixes.get(bare.slice(-length)) ?? []),
    ];
    return found.map(({ index }) => index).sort((left, right) => left - right);
  };
  return {
    all,
    naming,
    overlapping: (domain) => {
      if (!domain.startsWith('*') && !domain.endsWith('*')) return naming(domain);
      spend(patterns.length);
      const isEnd = domain.startsWith('*');
      const part = (isEnd ? domain.slice(1) : domain.slice(0, -1)).toLowerCase();
      const overlaps = isEnd ? endsAs : startsAs;
      return patterns.filter(({ text }) => overlaps(text, part)).map(({ index }) => index);
    },
  };
}

function endsAs(pattern: string, suffix: string): boolean {
  const wanted = pattern.replace(/^\*/, '');
  return wanted.endsWith(suffix) || (pattern.startsWith('*') && suffix.endsWith(wanted));
}

function startsAs(pattern: string, prefix: string): boolean {
  return pattern.startsWith('*') || pattern.startsWith(prefix);
}
