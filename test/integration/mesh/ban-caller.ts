/** Callers of the service for bans, as other programs are: over HTTPS with an X.509-SVID or none, and over HTTP. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { request as httpRequest, type IncomingHttpHeaders, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { TLSSocket } from 'node:tls';
import { splitDer } from '../../../certs/der.ts';
import type { X509Svid } from '../../../sidecar/workload-api/api.ts';

export interface CallerAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Of the server's certificate; empty without TLS. */
  readonly serial: string;
  /** Its names. */
  readonly names: string;
}

export interface Call {
  readonly port: number;
  readonly method?: 'GET' | 'PUT' | 'DELETE' | 'POST';
  readonly path: string;
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** Absent: without TLS. */
  readonly tls?: CallerTls;
}

/** PEM. */
export interface CallerTls {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

/** What a caller with this SVID shows, and trusts. */
export function tlsOf(svid: X509Svid): Required<CallerTls> {
  const key = createPrivateKey({ key: svid.privateKey, format: 'der', type: 'pkcs8' });
  return {
    ca: pemOf(svid.bundle),
    cert: pemOf(svid.certificates),
    key: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}

function pemOf(der: Buffer): string {
  return splitDer(der)
    .map((each) => new X509Certificate(each).toString())
    .join('');
}

/** Each call has a connection of its own. The server's chain is verified, its names are told. */
export function call(asked: Call): Promise<CallerAnswer> {
  const { port, method = 'GET', path, body, headers = {}, tls } = asked;
  const options: RequestOptions = { host: '127.0.0.1', port, method, path, agent: false };
  const all = { connection: 'close', ...headers };
  return new Promise((resolve, reject) => {
    const asking =
      tls === undefined
        ? httpRequest({ ...options, headers: all })
        : httpsRequest({
            ...options,
            ...tls,
            headers: all,
            // SPIFFE's rule in place of DNS's: the test looks at the names itself.
            checkServerIdentity: () => undefined,
          });
    asking.on('error', reject).on('response', (response) => {
      let text = '';
      const peer =
        response.socket instanceof TLSSocket ? response.socket.getPeerX509Certificate() : undefined;
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: text,
          serial: peer?.serialNumber ?? '',
          names: peer?.subjectAltName ?? '',
        });
      });
    });
    asking.end(body);
  });
}
