/**
 * Where the Workload API is, as SPIFFE_ENDPOINT_SOCKET says it.
 * @see SPIFFE Workload Endpoint §4
 */
import { isIP } from 'node:net';
import { AppError } from '#kernel/errors.ts';

/** Bytes that a Unix socket's path may have on Linux, its closing zero left out (sockaddr_un). */
const maxSocketPathBytes = 107;
const expected =
  'expected unix:///path/to/socket or tcp://ip:port, as in unix:///run/spire/sockets/agent.sock';

/** As `node:net` connects to it. */
export type WorkloadApiPlace =
  { readonly path: string } | { readonly host: string; readonly port: number };

/**
 * Reads `unix:///path` or `tcp://ip:port`. Names are refused: whoever answers DNS would otherwise decide who gives us
 * our identity.
 * @throws {AppError} CONFIG_INVALID, with what is wrong and what is expected
 */
export function parseWorkloadApiAddress(text: string): WorkloadApiPlace {
  const rest = /^(unix|tcp):(.*)$/su.exec(text);
  const [, scheme, address = ''] = rest ?? [];
  if (scheme === undefined) throw invalid(text, 'it must begin with unix: or tcp:');
  if (/[?#]/.test(address)) throw invalid(text, 'it must not have a query or a fragment');
  return scheme === 'unix' ? unixPlace(text, address) : tcpPlace(text, address);
}

function unixPlace(text: string, address: string): WorkloadApiPlace {
  const path = address.startsWith('//') ? address.slice(2) : address;
  if (!path.startsWith('/')) {
    throw invalid(text, 'the path of a Unix socket must be absolute, without a host before it');
  }
  if (path === '/') throw invalid(text, 'the path of the Unix socket is missing');
  if (Buffer.byteLength(path) > maxSocketPathBytes) {
    throw invalid(text, `a Unix socket's path may have ${maxSocketPathBytes} bytes at most`);
  }
  return { path };
}

function tcpPlace(text: string, address: string): WorkloadApiPlace {
  const [, host = '', port = ''] = /^\/\/(\[.*\]|[^:/@]*):(\d{1,5})$/.exec(address) ?? [];
  if (port === '') {
    throw invalid(text, 'it must be an IP address and a port, without user or path');
  }
  const isSix = host.startsWith('[') && isIP(host.slice(1, -1)) === 6;
  if (!isSix && isIP(host) !== 4) {
    throw invalid(text, 'the host must be an IP address, not a name');
  }
  if (!isPort(Number(port))) throw invalid(text, 'the port must be from 1 to 65535');
  return { host: isSix ? host.slice(1, -1) : host, port: Number(port) };
}

function isPort(number: number): boolean {
  return number >= 1 && number <= 65_535;
}

function invalid(text: string, fault: string): AppError {
  return new AppError(
    'CONFIG_INVALID',
    `"${text}" is not a Workload API address: ${fault}; ${expected}`,
  );
}
