/**
 * Who may ask a server on loopback: its own page, under the address that was printed, and nobody else's. For every server of
 * ours that a browser talks to.
 *
 * Another site can make a browser send requests here, but not choose what the browser says of them: `Host` is the name that
 * was asked for (one that leads to 127.0.0.1 by DNS rebinding is not ours), `Origin` and `Sec-Fetch-Site` say whose page asks.
 * @see Fetch Metadata Request Headers; RFC 6454
 */

/** What a request says of itself; header names in lower case, as Node has them. */
export interface AskedBy {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/**
 * Why a request is refused, as a sentence; undefined: it is the page's own, or comes from no browser.
 * @param address where we listen: `127.0.0.1:4711`
 * @param isPage whether the page itself is asked for: a link, a bookmark or another program may lead to it, a frame may not
 */
export function foreignFault(
  { method, headers }: AskedBy,
  address: string,
  isPage: boolean,
): string | undefined {
  const host = textOf(headers['host']);
  if (host !== address)
    return `this server is ${address}, and was asked for as "${host ?? ''}": open http://${address}/`;
  const origin = textOf(headers['origin']);
  if (origin !== undefined && origin !== `http://${address}`)
    return 'the request comes from a page of another site';
  // A browser names the origin with each request that can change something.
  if (origin === undefined && method !== 'GET' && method !== 'HEAD')
    return 'the request does not say which page it comes from (Origin)';
  return isPage ? foreignPage(headers) : foreignSite(headers);
}

/** Older browsers say nothing; all of today do. */
function foreignSite(headers: AskedBy['headers']): string | undefined {
  const site = textOf(headers['sec-fetch-site']);
  return site === undefined || site === 'same-origin'
    ? undefined
    : 'the request comes from a page of another site, or from none';
}

function foreignPage(headers: AskedBy['headers']): string | undefined {
  const destination = textOf(headers['sec-fetch-dest']);
  return destination === undefined || destination === 'document'
    ? undefined
    : 'the page can only be opened by itself, not inside another';
}

/** A header that comes twice counts as another one. */
function textOf(value: string | readonly string[] | undefined): string | undefined {
  return value === undefined || typeof value === 'string' ? value : value.join(', ');
}
