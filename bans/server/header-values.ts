/** Each value of a header as it came: Node itself drops repeated ones of some names. */
import type { IncomingMessage } from 'node:http';

export type HeadersOfRequest = Pick<IncomingMessage, 'rawHeaders'>;

/** @param name in lower case */
export function headerValues({ rawHeaders }: HeadersOfRequest, name: string): readonly string[] {
  return rawHeaders.filter(
    (_value, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name,
  );
}
