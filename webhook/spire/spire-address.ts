/** Where SPIRE's server is, as the configuration says it. */
import { isIP } from 'node:net';
import { AppError } from '#kernel/errors.ts';

export interface SpireAddress {
  /** `socket`: whoever reaches it is an administrator; `tls`: an X.509-SVID says who asks. */
  readonly kind: 'socket' | 'tls';
  /** For gRPC. */
  readonly target: string;
}

/** Bytes that a Unix socket's path may have on Linux, its closing zero left out (sockaddr_un). */
const maxSocketPathBytes = 107;

/** @param text `unix:///path` or `host:port` @throws {AppError} CONFIG_INVALID */
export function parseSpireAddress(text: string): SpireAddress {
  if (text.startsWith('unix:')) return { kind: 'socket', target: socketTarget(text) };
  const [, host = '', port = ''] =
    /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/.exec(text) ?? [];
  if (!isPort(Number(port))) throw invalid(text);
  if (isIP(host) === 4) return { kind: 'tls', target: `ipv4:${host}:${port}` };
  if (!host.startsWith('[')) return { kind: 'tls', target: `dns:///${host}:${port}` };
  if (isIP(host.slice(1, -1)) !== 6) throw invalid(text);
  return { kind: 'tls', target: `ipv6:${host}:${port}` };
}

function isPort(number: number): boolean {
  return number >= 1 && number <= 65_535;
}

function socketTarget(text: string): string {
  const path = /^unix:(?:\/\/)?(\/[^?#]+)$/.exec(text)?.[1];
  if (path === undefined || Buffer.byteLength(path) > maxSocketPathBytes) throw invalid(text);
  return `unix:${path}`;
}

function invalid(text: string): AppError {
  return new AppError(
    'CONFIG_INVALID',
    `"${text}" is not the address of a SPIRE server: write unix:///path/to/api.sock (${maxSocketPathBytes} bytes of path at most) ` +
      'or host:port, as in spire-server.spire.svc:8081',
  );
}
