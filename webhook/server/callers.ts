/** Who may request reviews: with a configured CA, only connections with a client certificate from it. */
import type { X509Certificate } from 'node:crypto';
import { TLSSocket } from 'node:tls';
import type { Socket } from 'node:net';
import { keyOf, type Peer } from './http-connections.ts';

export interface CallerTrust {
  /** PEM of the authorities that sign the API servers' client certificates. */
  readonly ca: string;
  /** Common names, DNS names or URIs, one of which the certificate must be for. */
  readonly names: readonly string[];
}

export class CallerCheck {
  #trust: CallerTrust | undefined;
  /** The trust settings under which an open connection made its handshake. */
  readonly #began = new Map<string, CallerTrust | undefined>();

  constructor(trust: CallerTrust | undefined) {
    this.#trust = trust;
  }

  /** For the TLS context. Empty: certificates are requested anyway, so that a changed configuration needs no restart. */
  authorities(): string[] {
    return this.#trust === undefined ? [] : [this.#trust.ca];
  }

  /** @returns whether anything has changed */
  change(trust: CallerTrust | undefined): boolean {
    if (JSON.stringify(trust) === JSON.stringify(this.#trust)) return false;
    this.#trust = trust;
    return true;
  }

  /** A connection begins, with the TLS context of this moment. */
  opened(peer: Peer): void {
    const key = keyOf(peer);
    this.#began.set(key, this.#trust);
    peer.once('close', () => {
      this.#began.delete(key);
    });
  }

  /** Why reviews on this connection are refused, as a sentence; undefined = they are not. */
  fault(socket: Socket): string | undefined {
    const trust = this.#trust;
    if (trust === undefined) return undefined;
    if (this.#began.get(keyOf(socket)) !== trust) {
      return 'this connection is older than the configuration of apiServerClient; connect again';
    }
    // The certificate is checked separately, so that nothing depends on what `authorized` says about resumed sessions.
    const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
    if (certificate === undefined || !(socket instanceof TLSSocket)) {
      return 'only the API server may request reviews, and no client certificate was presented; docs/install.md says how to give it one';
    }
    if (!socket.authorized) {
      return `the client certificate is not accepted by apiServerClient.ca of the configuration: ${String(socket.authorizationError)}`;
    }
    if (namesOf(certificate).some((name) => trust.names.includes(name))) return undefined;
    return 'the client certificate matches none of apiServerClient.names of the configuration';
  }
}

/** One entry of `subjectAltName`: Node writes values with odd characters as JSON strings, so commas in them do not separate entries. */
const entry = /(?:^|, )(DNS|URI):([^",]+)(?=, |$)/g;
const quoted = /"(?:[^"\\]|\\.)*"/g;

/** Common name (if there is exactly one), DNS names and URIs. */
export function namesOf(certificate: X509Certificate): readonly string[] {
  // Typed as a string, but a list where there are several.
  const common: unknown = certificate.toLegacyObject().subject.CN;
  const alternatives = (certificate.subjectAltName ?? '').replaceAll(quoted, '"');
  const named = [...alternatives.matchAll(entry)].map(([, , name]) => name ?? '');
  return [...(typeof common === 'string' ? [common] : []), ...named];
}
