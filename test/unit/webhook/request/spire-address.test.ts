import { expect, test } from 'vitest';
import { checkConfig } from '../../../../webhook/request/injector-config.ts';
import { parseSpireAddress } from '../../../../webhook/request/spire-address.ts';

const path = (bytes: number): string => `/${'a'.repeat(bytes - 1)}`;

test.each([
  ['unix:///run/spire-server/api.sock', 'socket', 'unix:/run/spire-server/api.sock'],
  ['unix:/run/api.sock', 'socket', 'unix:/run/api.sock'],
  ['unix:///with a space/%20.sock', 'socket', 'unix:/with a space/%20.sock'],
  [`unix://${path(107)}`, 'socket', `unix:${path(107)}`],
  ['spire-server.spire.svc:8081', 'tls', 'dns:///spire-server.spire.svc:8081'],
  [
    'spire-server.spire.svc.cluster.local.:1',
    'tls',
    'dns:///spire-server.spire.svc.cluster.local.:1',
  ],
  ['h:65535', 'tls', 'dns:///h:65535'],
  ['10.0.0.1:8081', 'tls', 'ipv4:10.0.0.1:8081'],
  ['[fd00::1]:8081', 'tls', 'ipv6:[fd00::1]:8081'],
  ['[::ffff:10.0.0.1]:8081', 'tls', 'ipv6:[::ffff:10.0.0.1]:8081'],
])('%s is dialled, and the configuration takes it', (text, kind, target) => {
  expect(parseSpireAddress(text)).toEqual({ kind, target });
  expect(checkConfig({ spire: { server: text } }, 'config.yaml').spire.server).toBe(text);
});

test.each([
  ['', 'no host with a port'],
  ['spire-server.spire.svc', 'no host with a port'],
  ['h:', 'no host with a port'],
  ['h:0', 'the port'],
  ['host:99999', 'the port'],
  ['h:080801', 'no host with a port'],
  [':8081', 'neither a DNS name'],
  ['a..b:1', 'neither a DNS name'],
  ['-a.b:1', 'neither a DNS name'],
  ['a_b:1', 'neither a DNS name'],
  ['10.0.0.256:1', 'neither a DNS name'],
  ['10.0.1:1', 'neither a DNS name'],
  ['010.0.0.1:1', 'neither a DNS name'],
  [`${'a'.repeat(64)}:1`, 'neither a DNS name'],
  ['[fd00::g]:1', 'neither a DNS name'],
  ['[fd00:::1]:1', 'neither a DNS name'],
  ['[fe80::1%eth0]:1', 'neither a DNS name'],
  ['fd00::1:8081', 'no host with a port'],
  ['me:secret@h:1', 'no host with a port'],
  ['https://spire:8081', 'no host with a port'],
  ['h:1\n', 'no host with a port'],
  ['/run/api.sock', 'no host with a port'],
  ['unix:api.sock', 'an absolute path'],
  ['unix://run/api.sock', 'an absolute path'],
  ['unix:///', 'an absolute path'],
  ['unix:////run/api.sock', 'an absolute path'],
  ['unix:///run//api.sock', 'an empty segment'],
  ['unix:///run/', 'an empty segment'],
  ['unix:///run/api.sock?a', 'a query or a fragment'],
  ['unix:///run/api.sock#a', 'a query or a fragment'],
  ['unix:///run/api.sock ', 'spaces around it'],
  ['unix:///run/api\n.sock', 'control characters'],
  [`unix://${path(108)}`, '107 bytes'],
  [`unix:///${'é'.repeat(54)}`, '107 bytes'],
])('%j is refused by client and configuration alike', (text, fault) => {
  const refusal = expect.objectContaining({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(fault) as unknown,
  }) as Error;
  expect(() => parseSpireAddress(text)).toThrow(refusal);
  const read = (): unknown => checkConfig({ spire: { server: text } }, 'config.yaml');
  expect(read).toThrow(refusal);
  expect(read).toThrow(/write unix:\/\/\/.* at spire\.server$/);
});
