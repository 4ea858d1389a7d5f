/** Which certificates a server really shows: by a TLS handshake that trusts nobody and sends nothing. */
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { messageOf } from '#kernel/errors.ts';

export interface HandshakeTarget {
  /** An address to connect to, or a connection that stands. */
  readonly at: { readonly host: string; readonly port: number } | { readonly socket: Duplex };
  /** Name that the API server asks for. */
  readonly serverName: string;
}

/** Milliseconds; a replica that is ready shakes hands at once. */
const handshakeMs = 5_000;
/** Certificates of a chain that are looked at; real ones have two or three. */
const longestChain = 8;

/** PEM, the leaf first. @throws {Error} when there is no handshake */
export function readServedChain({ at, serverName }: HandshakeTarget): Promise<readonly string[]> {
  const options: ConnectionOptions = {
    ...at,
    // Whether it is to be trusted is the question that its reader answers.
    rejectUnauthorized: false,
    // RFC 6066 §3: an address is no server name.
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
