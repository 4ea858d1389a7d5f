import { describe, expect, test } from 'vitest';
import { readInbound, readUpstreams } from '../../../../webhook/proxy/read-ports.ts';

const id = 'spiffe://example.org/ns/shop/sa/backend';

describe('ports to listen on', () => {
  test('are pairs, with the protocol of the app before them', () => {
    expect(readInbound(' 8443=8080,tcp:9443=9000 ,http2:8444=8081')).toEqual({
      kind: 'read',
      value: [
        { protocol: 'http', listen: 8443, app: 8080 },
        { protocol: 'tcp', listen: 9443, app: 9000 },
        { protocol: 'http2', listen: 8444, app: 8081 },
      ],
    });
  });

  test.each([
    ['', 'pairs'],
    ['8443', 'pairs'],
    ['8443=8080,', 'pairs'],
    ['8443=8080 9443=9000', 'pairs'],
    ['udp:8443=8080', 'pairs'],
    ['0=8080', 'pairs'],
    ['8443=65536', 'pairs'],
    ['8443=8080,8443=8081', 'port 8443 is listened on twice'],
    ['8080=8080', "Envoy cannot listen on the app's own port 8080"],
    [Array.from({ length: 33 }, (_, at) => `${9_000 + at}=80`).join(','), 'at most 32'],
    ['9'.repeat(100_000), 'pairs'],
  ])('%#: are refused otherwise', (text, allowed) => {
    expect(readInbound(text)).toEqual({
      kind: 'fault',
      allowed: expect.stringContaining(allowed) as string,
    });
  });
});

describe('upstreams', () => {
  test('are a local port, a place and who must answer', () => {
    expect(readUpstreams(`9001=Backend.shop:8443   ${id}, tcp:9002=[fd00::1]:5432 ${id}`)).toEqual({
      kind: 'read',
      value: [
        { protocol: 'http', listen: 9001, host: 'backend.shop', port: 8443, spiffeId: id },
        { protocol: 'tcp', listen: 9002, host: 'fd00::1', port: 5432, spiffeId: id },
      ],
    });
  });

  test.each([
    ['9001=backend.shop:8443', 'items such as'],
    [`9001=backend.shop ${id}`, 'items such as'],
    [`http2:9001=backend.shop:8443 ${id}`, 'items such as'],
    [`9001=back_end.shop:8443 ${id}`, 'items such as'],
    [`9001=10.0.0.300:8443 ${id}`, 'items such as'],
    [`9001=fd00::1:8443 ${id}`, 'items such as'],
    [`9001=[fe80::1%eth0]:8443 ${id}`, 'items such as'],
    ['9001=backend.shop:8443 spiffe://Example.org/a', 'no upper case'],
    ['9001=backend.shop:8443 spiffe://example.org', 'it must have a path'],
    [`9001=a:1 ${id},9001=b:1 ${id}`, 'port 9001 is listened on twice'],
    [`9001=${'a.'.repeat(50_000)}:1 ${id}`, 'items such as'],
  ])('%#: are refused otherwise', (text, allowed) => {
    expect(readUpstreams(text)).toEqual({
      kind: 'fault',
      allowed: expect.stringContaining(allowed) as string,
    });
  });
});
