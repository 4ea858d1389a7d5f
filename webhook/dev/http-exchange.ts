/** One HTTP request on loopback. */
import { request as httpRequest } from 'node:http';
import { text as textOf } from 'node:stream/consumers';

export interface Exchange {
  readonly status: number;
  readonly body: string;
}

/** One GET on a connection of its own. */
export function exchange(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, { headers, agent: false }, (response) => {
      textOf(response).then((body) => {
        resolve({ status: response.statusCode ?? 0, body });
      }, reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}
