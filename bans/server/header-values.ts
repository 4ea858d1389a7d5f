/** Each value of a header as it came: Node itself drops repeated ones of some names. */
import type { IncomingMessage } from 'node:http';
import type { CheckView } from '../../sidecar/authz/read-check.ts';

export type HeadersOfRequest = Pick<IncomingMessage, 'rawHeaders'>;

/** @param name in lower case */
export function headerValues({ rawHeaders }: HeadersOfRequest, name: string): readonly string[] {
  return rawHeaders.filter(
    (_value, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name,
  );
}

/** What a rule of the helper gets to see of a request, as if an Envoy had asked about it. */
export function viewOf(
  authorizations: readonly string[],
  cookies: readonly string[] = [],
): CheckView {
  return {
    hasHttp: true,
    authorizations: authorizations.length,
    authorization: authorizations.join(','),
    cookies: cookies.map((each) => `${each}; `).join(''),
    lookalikes: [],
    path: '/',
    host: '',
    route: [],
  };
}
