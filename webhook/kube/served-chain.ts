/** Which certificates a server really presents, by a TLS handshake that verifies nothing and sends no data. */
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { messageOf } from '#kernel/errors.ts';

export interface HandshakeTarget {
  /** An address to connect to, or an open connection. */
  readonly at: { readonly host: string; readonly port: number } | { readonly socket: Duplex };
  /** Server name (SNI) that the API server sends. */
  readonly serverName: string;
}

/** Milliseconds; a ready replica completes the handshake at once. */
const handshakeMs = 5_000;
/** Certificates read from a chain; real ones have two or three. */
const longestChain = 8;

/** PEM, the leaf first. @throws {Error} when there is no handshake */
export function readServedChain({ at, serverName }: HandshakeTarget): Promise<readonly string[]> {
  const options: ConnectionOptions = {
    ...at,
    // Whether it can be trusted is decided by the caller.
    rejectUnauthorized: false,
    // RFC 6066 §3: an IP address is not a server name.
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
  };
  return new Promise((resolve, reject) => {
    const socket = connect(options);
    const fail = (why: string): void => {
      socket.destroy();
      reject(new Error(`no TLS handshake: ${why}`));
    };
    const timer = setTimeout(() => {
      fail(`no answer within ${handshakeMs / 1000} s`);
    }, handshakeMs);
    socket.once('error', (thrown) => {
      clearTimeout(timer);
      fail(messageOf(thrown));
    });
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      const chain = chainOf(socket);
      socket.destroy();
      resolve(chain);
    });
  });
}

function chainOf(socket: TLSSocket): readonly string[] {
  const chain: string[] = [];
  let certificate: X509Certificate | undefined = socket.getPeerX509Certificate();
  while (certificate !== undefined && chain.length < longestChain) {
    const text = certificate.toString();
    if (chain.includes(text)) break;
    chain.push(text);
    certificate = certificate.issuerCertificate;
  }
  return chain;
}
