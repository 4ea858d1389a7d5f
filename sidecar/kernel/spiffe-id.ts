/**
 * SPIFFE IDs: a value of type SpiffeId has been parsed.
 * @see SPIFFE-ID standard §2; upper case is refused in scheme and trust domain, as go-spiffe does.
 */
import { AppError } from './errors.ts';

declare const brand: unique symbol;
export type SpiffeId = string & { readonly [brand]: 'SpiffeId' };
export type TrustDomain = string & { readonly [brand]: 'TrustDomain' };

/** Bytes; the standard demands support up to this size and lets an implementation stop there. */
const maxIdBytes = 2048;
/** Bytes of a trust domain name (SPIFFE-ID §2.1). */
const maxTrustDomainBytes = 255;
const scheme = 'spiffe://';
const trustDomainPattern = /^[a-z0-9._-]+$/;
const segmentPattern = /^[A-Za-z0-9._-]+$/;

/** Says what is wrong with a trust domain name, or undefined when nothing is. */
export function trustDomainFault(name: string): string | undefined {
  if (name === '') return 'the trust domain is empty';
  if (name.length > maxTrustDomainBytes)
    return `the trust domain is over ${maxTrustDomainBytes} bytes`;
  if (!trustDomainPattern.test(name)) {
    return 'a trust domain may hold only a-z, 0-9, dot, hyphen and underscore (no port, no user, no upper case)';
  }
  return undefined;
}

function pathFault(path: string): string | undefined {
  if (path === '') return undefined;
  for (const segment of path.slice(1).split('/')) {
    if (segment === '') return 'a path may have no empty segment and no trailing slash';
    if (segment === '.' || segment === '..') return 'a path may have no . or .. segment';
    if (!segmentPattern.test(segment)) {
      return 'a path segment may hold only letters, digits, dot, hyphen and underscore';
    }
  }
  return undefined;
}

/** Says what is wrong with a SPIFFE ID, or undefined when nothing is. Never throws: made for untrusted input. */
export function spiffeIdFault(text: string): string | undefined {
  if (!text.startsWith(scheme)) return `it must begin with ${scheme}`;
  if (text.length > maxIdBytes) return `it is over ${maxIdBytes} bytes`;
  const slash = text.indexOf('/', scheme.length);
  const end = slash === -1 ? text.length : slash;
  return trustDomainFault(text.slice(scheme.length, end)) ?? pathFault(text.slice(end));
}

/** @throws {AppError} SPIFFE_ID_INVALID */
export function parseSpiffeId(text: string): SpiffeId {
  const fault = spiffeIdFault(text);
  if (fault !== undefined)
    throw new AppError('SPIFFE_ID_INVALID', `"${text}" is not a SPIFFE ID: ${fault}`);
  // The one place where the brand is given: the text was checked above.
  return text as SpiffeId;
}

/** `spiffe://example.org` names the trust domain `example.org`. The name is not checked. */
export function trustDomainNamed(text: string): string {
  return text.startsWith(scheme) ? text.slice(scheme.length) : text;
}

/** Takes `example.org` or `spiffe://example.org`. @throws {AppError} SPIFFE_ID_INVALID */
export function parseTrustDomain(text: string): TrustDomain {
  const name = trustDomainNamed(text);
  const fault = trustDomainFault(name);
  if (fault !== undefined)
    throw new AppError('SPIFFE_ID_INVALID', `"${text}" is not a trust domain: ${fault}`);
  // The one place where the brand is given: the name was checked above.
  return name as TrustDomain;
}

export function trustDomainOf(id: SpiffeId): TrustDomain {
  // A parsed ID holds a checked trust domain.
  return trustDomainText(id) as TrustDomain;
}

/** Of a text that was checked elsewhere. */
export function trustDomainText(id: string): string {
  const slash = id.indexOf('/', scheme.length);
  return id.slice(scheme.length, slash === -1 ? undefined : slash);
}
