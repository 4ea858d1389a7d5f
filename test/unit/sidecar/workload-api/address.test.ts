import { describe, expect, test } from 'vitest';
import { parseWorkloadApiAddress } from '../../../../sidecar/workload-api/address.ts';

describe('an address of the Workload API', () => {
  test.each([
    ['unix:///run/spire/sockets/agent.sock', { path: '/run/spire/sockets/agent.sock' }],
    ['unix:/run/agent.sock', { path: '/run/agent.sock' }],
    ['tcp://127.0.0.1:8000', { host: '127.0.0.1', port: 8_000 }],
    ['tcp://[::1]:8000', { host: '::1', port: 8_000 }],
  ])('%s is a place to connect to', (text, place) => {
    expect(parseWorkloadApiAddress(text)).toEqual(place);
  });

  test.each([
    ['nothing', '', 'must begin with unix: or tcp:'],
    ['a path alone', '/run/agent.sock', 'must begin with unix: or tcp:'],
    ['another scheme', 'http://127.0.0.1:80', 'must begin with unix: or tcp:'],
    ['upper case', 'UNIX:///run/agent.sock', 'must begin with unix: or tcp:'],
    ['a relative path', 'unix:agent.sock', 'absolute'],
    ['a host before the path', 'unix://run/agent.sock', 'absolute'],
    ['no path', 'unix:///', 'path of the Unix socket is missing'],
    ['a query', 'unix:///run/agent.sock?x', 'must not have a query'],
    ['a fragment', 'tcp://127.0.0.1:80#x', 'must not have a query'],
    ['a path beyond what the kernel takes', `unix:///${'a'.repeat(107)}`, '107 bytes'],
    ['a name', 'tcp://localhost:80', 'not a name'],
    ['no port', 'tcp://127.0.0.1', 'IP address and a port'],
    ['port 0', 'tcp://127.0.0.1:0', 'from 1 to 65535'],
    ['port 65536', 'tcp://127.0.0.1:65536', 'from 1 to 65535'],
    ['a path after the port', 'tcp://127.0.0.1:80/foo', 'IP address and a port'],
    ['a user', 'tcp://me@127.0.0.1:80', 'IP address and a port'],
    ['IPv6 without brackets', 'tcp://::1:80', 'IP address'],
    ['a name in brackets', 'tcp://[localhost]:80', 'not a name'],
  ])('%s is refused', (_name, text, reason) => {
    expect(() => parseWorkloadApiAddress(text)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    );
    expect(() => parseWorkloadApiAddress(text)).toThrow(reason);
  });
});
