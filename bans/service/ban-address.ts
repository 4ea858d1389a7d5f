/**
 * `/bans/{claim}/{value}`: a claim and a value as two segments of a path, each percent-encoded as UTF-8. One address means one
 * pair and no other: a slash inside either is `%2F`, and nothing is decoded twice.
 * @see RFC 3986 §2.1, §3.3
 */

export interface BanAddress {
  readonly claim: string;
  readonly value: string;
}

const start = '/bans/';

/** Undefined for a path that is not of two whole segments, or no UTF-8. @param target of a request, with its query */
export function banAddress(target: string): BanAddress | undefined {
  const query = target.indexOf('?');
  const path = query === -1 ? target : target.slice(0, query);
  if (!path.startsWith(start)) return undefined;
  const [claim = '', value = '', ...more] = path.slice(start.length).split('/').map(decoded);
  return claim === '' || value === '' || more.length > 0 ? undefined : { claim, value };
}

/** Empty for what is no percent-encoded UTF-8. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return '';
  }
}
