/** Where SPIRE's server is: one reader for the configuration and for the client, so that what is accepted can be dialled. */
import { AppError } from '#kernel/errors.ts';

export interface SpireAddress {
  /** `socket`: whoever reaches it is an administrator; `tls`: an X.509-SVID says who asks. */
  readonly kind: 'socket' | 'tls';
  /** For gRPC. */
  readonly target: string;
}

/** Bytes that a Unix socket's path may have on Linux, its closing zero left out (sockaddr_un). */
const maxSocketPathBytes = 107;
/** Characters of a host name (RFC 1035). */
const maxHostName = 253;
const hostLabel = /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;
const expected = 'write unix:///path/to/api.sock or host:port, as in spire-server.spire.svc:8081';

/** @param text `unix:///path` or `host:port` @throws {AppError} CONFIG_INVALID */
export function parseSpireAddress(text: string): SpireAddress {
  const read = readAddress(text);
  if (typeof read !== 'string') return read;
  throw new AppError(
    'CONFIG_INVALID',
    `"${text}" is not the address of a SPIRE server: ${read}; ${expected}`,
  );
}

/** Says what is wrong with an address and what to write, or undefined when nothing is. */
export function spireAddressFault(text: string): string | undefined {
  const read = readAddress(text);
  return typeof read === 'string'
    ? `is not the address of a SPIRE server: ${read}; ${expected}`
    : undefined;
}

/** Says what is wrong with `unix:///path`, or undefined when nothing is. */
export function socketFault(text: string): string | undefined {
  if (/\p{Cc}/u.test(text) || text.trim() !== text)
    return 'it has control characters, or spaces around it';
  if (!/^unix:(\/\/)?\/[^/]/.test(text))
    return 'unix:// needs an absolute path, without a host before it';
  const path = socketPath(text);
  if (/[?#]/.test(path)) return 'a query or a fragment is no part of a path';
  if (path.endsWith('/') || path.includes('//')) return 'the path has an empty segment';
  if (Buffer.byteLength(path) > maxSocketPathBytes)
    return `the path of a Unix socket may have ${maxSocketPathBytes} bytes at most`;
  return undefined;
}

/** What is wrong, as a text, where it is none. */
function readAddress(text: string): SpireAddress | string {
  if (text.startsWith('unix:'))
    return socketFault(text) ?? { kind: 'socket', target: `unix:${socketPath(text)}` };
  const [, host = '', port] = /^(\[[^\]]*\]|[^:/@[\]]*):(\d{1,5})$/.exec(text) ?? [];
  if (port === undefined) return 'it has no host with a port';
  if (Number(port) < 1 || Number(port) > 65_535) return 'the port must be from 1 to 65535';
  const resolver = resolverOf(host);
  return resolver === undefined
    ? 'the host is neither a DNS name nor an IP address'
    : { kind: 'tls', target: `${resolver}${host}:${port}` };
}

function socketPath(text: string): string {
  return text.slice(text.startsWith('unix://') ? 'unix://'.length : 'unix:'.length);
}

/** Of gRPC's name resolvers. */
function resolverOf(host: string): 'ipv4:' | 'ipv6:' | 'dns:///' | undefined {
  if (host.startsWith('['))
    return /^\[[0-9a-fA-F:.]+\]$/.test(host) && URL.canParse(`http://${host}`)
      ? 'ipv6:'
      : undefined;
  const labels = host.replace(/\.$/, '').split('.');
  if (/^\d+$/.test(labels.at(-1) ?? '')) return isIpv4(host) ? 'ipv4:' : undefined;
  return host.length <= maxHostName && labels.every((label) => hostLabel.test(label))
    ? 'dns:///'
    : undefined;
}

/** As inet_pton reads it: four decimals without leading zeros. */
function isIpv4(host: string): boolean {
  return (
    /^((25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(25[0-5]|2[0-4]\d|1?\d?\d)$/.test(host) &&
    !/(^|\.)0\d/.test(host)
  );
}
