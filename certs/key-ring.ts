/**
 * The data of the Secret as keys and certificates, and back. Reading never fails: what is damaged, foreign or partly
 * written counts as absent, and `faults` says why.
 */
import { own } from '#kernel/members.ts';
import { createPrivateKey } from 'node:crypto';
import { messageOf } from '#kernel/errors.ts';
import type { PemPair } from './authority.ts';
import { readCertificates, type CertificateView } from './plan/certificate-view.ts';
import type { ServingPair, StoredKeys } from './certificate-ports.ts';
import { checkPair } from './serving-pair.ts';

/** An authority with its key. */
export interface Authority extends PemPair {
  readonly view: CertificateView;
}

/** A leaf with its key and whatever lies between it and its authority. */
export interface Leaf {
  readonly pair: ServingPair;
  /** The leaf first. */
  readonly chain: readonly CertificateView[];
  readonly view: CertificateView;
}

export interface KeyRing {
  readonly leaf: Leaf | undefined;
  readonly signer: Authority | undefined;
  readonly next: Authority | undefined;
  /** Authorities that no longer sign, and the last leaf of each. */
  readonly past: readonly CertificateView[];
  /** What was there and could not be used, in words without any part of a key. */
  readonly faults: readonly string[];
}

/** `tls.crt` and `tls.key` are what the type `kubernetes.io/tls` asks for; `ca.crt` is where cert-manager has it too. */
const entries = {
  leaf: ['tls.crt', 'tls.key'],
  signer: ['ca.crt', 'ca.key'],
  next: ['next-ca.crt', 'next-ca.key'],
} as const;
const pastEntry = 'past.crt';

export const emptyRing: KeyRing = Object.freeze({
  leaf: undefined,
  signer: undefined,
  next: undefined,
  past: [],
  faults: [],
});

export function readKeyRing(data: StoredKeys['data']): KeyRing {
  const faults: string[] = [];
  const tolerant = <T>(
    [certificate, key]: readonly [string, string],
    read: (pair: PemPair) => T,
  ): T | undefined => {
    const pair = { certificate: own(data, certificate) ?? '', key: own(data, key) ?? '' };
    if (pair.certificate === '' && pair.key === '') return undefined;
    try {
      return read(pair);
    } catch (thrown) {
      faults.push(`${certificate} and ${key}: ${messageOf(thrown)}`);
      return undefined;
    }
  };
  return {
    leaf: tolerant(entries.leaf, readLeaf),
    signer: tolerant(entries.signer, readAuthority),
    next: tolerant(entries.next, readAuthority),
    past: readCertificates(data[pastEntry] ?? ''),
    faults,
  };
}

export function writeKeyRing(ring: Omit<KeyRing, 'faults'>): StoredKeys['data'] {
  const { leaf, signer, next, past } = ring;
  const pairs = { leaf: leaf?.pair, signer, next };
  // Both keys of the leaf are there even when it is not: the type of the Secret asks for them.
  const data: Record<string, string> = { 'tls.crt': '', 'tls.key': '' };
  for (const name of ['leaf', 'signer', 'next'] as const) {
    const pair = pairs[name];
    const [certificate, key] = entries[name];
    if (pair === undefined) continue;
    data[certificate] = pair.certificate;
    data[key] = pair.key;
  }
  if (past.length > 0) data[pastEntry] = past.map((each) => each.pem).join('');
  return data;
}

/** @throws {AppError} CERTIFICATE_INVALID; an expired one is still read */
export function readLeaf({ certificate, key }: PemPair): Leaf {
  const pair = checkPair(certificate, key, Number.NEGATIVE_INFINITY);
  const chain = readCertificates(certificate);
  const [view] = chain;
  if (view === undefined) throw new TypeError('not a PEM certificate');
  return { pair, chain, view };
}

/** @throws {TypeError} when it cannot sign; messages hold no part of the key */
export function readAuthority({ certificate, key }: PemPair): Authority {
  const [view] = readCertificates(certificate);
  if (view?.isAuthority !== true) throw new TypeError('not a CA certificate');
  const privateKey = readPrivateKey(key);
  if (privateKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new TypeError('the key is not an ECDSA P-256 key');
  }
  if (!view.x509.checkPrivateKey(privateKey)) {
    throw new TypeError('the key does not match the certificate');
  }
  return { certificate: view.pem, key, view };
}

function readPrivateKey(pem: string): ReturnType<typeof createPrivateKey> {
  try {
    return createPrivateKey(pem);
  } catch {
    // The cause is left out: messages of the key parser might quote what it read.
    throw new TypeError('not an unencrypted PEM private key');
  }
}
