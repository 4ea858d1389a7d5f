import { describe, expect, it } from 'vitest';
import { foreignFault } from '../../../../webhook/console/same-origin.ts';

const address = '127.0.0.1:4711';
const own = { host: address, origin: `http://${address}`, 'sec-fetch-site': 'same-origin' };

function fault(headers: Record<string, string>, method = 'GET', isPage = false) {
  return foreignFault({ method, headers }, address, isPage);
}

describe('who may ask a server on loopback', () => {
  it('is its own page, or a program that says what it is for', () => {
    expect(fault(own)).toBeUndefined();
    expect(fault(own, 'POST')).toBeUndefined();
    expect(fault({ host: address })).toBeUndefined();
    expect(fault({ host: address, 'sec-fetch-site': 'same-origin' })).toBeUndefined();
  });

  it.each(['localhost:4711', '127.0.0.1', '127.0.0.1:80', 'evil.example:4711', ''])(
    'is nobody who asks for it as "%s": a name may lead here by DNS rebinding',
    (host) => {
      const headers = { ...own, host, origin: `http://${host}` };
      expect(fault(headers)).toContain(address);
      expect(fault(headers, 'GET', true)).toContain(address);
    },
  );

  it.each([
    'http://evil.example',
    'null',
    'http://127.0.0.1:4712',
    'https://127.0.0.1:4711',
    'http://localhost:4711',
  ])('is no page of %s', (origin) => {
    expect(fault({ ...own, origin })).toContain('another site');
    expect(fault({ ...own, origin }, 'POST')).toContain('another site');
  });

  it('says which page it is wherever something can change', () => {
    expect(fault({ host: address, 'sec-fetch-site': 'same-origin' }, 'POST')).toContain('Origin');
    expect(fault({ host: address }, 'DELETE')).toContain('Origin');
  });

  it.each(['cross-site', 'same-site', 'none', 'same-origin, cross-site'])(
    'is nobody whom the browser calls %s',
    (site) => {
      expect(fault({ host: address, 'sec-fetch-site': site })).toContain('another site');
    },
  );

  it('opens the page for a link from anywhere, and in no frame', () => {
    const link = { host: address, 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document' };
    expect(fault(link, 'GET', true)).toBeUndefined();
    expect(fault({ ...link, 'sec-fetch-dest': 'iframe' }, 'GET', true)).toContain('inside another');
    expect(fault({ ...link, 'sec-fetch-dest': 'script' }, 'GET', true)).toContain('inside another');
  });
});
