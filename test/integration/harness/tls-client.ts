/** A client that shows any certificate, for what must be refused. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { programPath } from './components.ts';
import { runCommand } from './processes.ts';
import type { SpireServer } from './spire-server.ts';

/** PEM texts. */
export interface ClientCertificate {
  readonly key: string;
  readonly cert: string;
}

/** A certificate that a server signs for anyone, without attestation. @param options.folder where its files go */
export async function mintCertificate(
  from: SpireServer,
  spiffeId: string,
  { folder, ttlS = 300 }: { readonly folder: string; readonly ttlS?: number },
): Promise<ClientCertificate> {
  const wanted = ['-spiffeID', spiffeId, '-ttl', `${ttlS}s`, '-write', folder];
  const args = ['x509', 'mint', ...wanted, '-socketPath', from.socketPath];
  const { code, stderr } = await runCommand(programPath('spire-server'), args);
  if (code !== 0) throw new Error(`spire-server minted nothing: ${stderr}`);
  const [cert, key] = await Promise.all(
    ['svid.pem', 'key.pem'].map((name) => readFile(join(folder, name), 'utf8')),
  );
  return { cert: cert ?? '', key: key ?? '' };
}

export interface TlsRequest {
  readonly path?: string;
  /** Lines such as `accept: text/plain`. */
  readonly headers?: readonly string[];
  /** A connection that somebody has made elsewhere; the port is without meaning then. */
  readonly socket?: Socket;
  /** Default `http/1.1`. */
  readonly protocol?: string;
}

/**
 * Sends a GET to a port on loopback; who answers is not in question.
 * @returns the status line, or `refused: ` and why there is none
 */
export async function requestOverTls(
  port: number,
  options: Partial<ClientCertificate> & TlsRequest = {},
): Promise<string> {
  const answer = await exchangeOverTls(port, options, options);
  return answer.split('\r\n', 1)[0] ?? '';
}

/** As `requestOverTls`. @returns all that was answered */
export function exchangeOverTls(
  port: number,
  { key, cert }: Partial<ClientCertificate>,
  { path = '/', headers = [], socket: made, protocol = 'http/1.1' }: TlsRequest,
): Promise<string> {
  const lines = [`GET ${path} HTTP/1.1`, 'host: backend', 'connection: close', ...headers, '', ''];
  return new Promise((resolve) => {
    let text = '';
    const socket: TLSSocket = connect({
      ...(made === undefined ? { host: '127.0.0.1', port } : { socket: made }),
      rejectUnauthorized: false,
      ALPNProtocols: [protocol],
      ...(key === undefined ? {} : { key }),
      ...(cert === undefined ? {} : { cert }),
    });
    socket.on('secureConnect', () => {
      socket.write(lines.join('\r\n'));
    });
    socket.on('data', (bytes: Buffer) => (text += bytes.toString()));
    socket.on('error', (error: Error) => (text ||= `refused: ${error.message}`));
    socket.on('close', () => {
      resolve(text === '' ? 'refused: closed' : text);
    });
  });
}
