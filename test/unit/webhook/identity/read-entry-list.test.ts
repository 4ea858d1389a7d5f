import { expect, test } from 'vitest';
import { AppError } from '#kernel/errors.ts';
import { readEntryList } from '../../../../webhook/identity/read-entry-list.ts';

/** As spire-server 1.15.3 prints it. */
const printed = {
  admin: false,
  created_at: '1795958378',
  dns_names: ['a.b', 'b.c'],
  downstream: false,
  expires_at: '0',
  federates_with: ['two.test', 'three.test'],
  hint: 'h',
  id: 'svidecar.a.1',
  jwt_svid_ttl: 300,
  parent_id: { path: '/n', trust_domain: 'one.test' },
  revision_number: '0',
  selectors: [
    { type: 'k8s', value: 'pod-label:app:x:y1' },
    { type: 'k8s', value: 'ns:a' },
  ],
  spiffe_id: { path: '/a1', trust_domain: 'one.test' },
  store_svid: false,
  x509_svid_ttl: 0,
};

function list(...entries: readonly unknown[]): string {
  return JSON.stringify({ entries, next_page_token: '' });
}

test('entries as SPIRE prints them', () => {
  expect(readEntryList(list(printed), 'stdin')).toEqual([
    {
      id: 'svidecar.a.1',
      spiffeId: 'spiffe://one.test/a1',
      parentId: 'spiffe://one.test/n',
      selectors: ['k8s:ns:a', 'k8s:pod-label:app:x:y1'],
      federatesWith: ['three.test', 'two.test'],
      dnsNames: ['a.b', 'b.c'],
      hint: 'h',
      x509SvidTtlS: 0,
      jwtSvidTtlS: 300,
      isAdmin: false,
      isDownstream: false,
      storesSvid: false,
      isPrefetched: true,
    },
  ]);
  expect(readEntryList(list(), 'stdin')).toEqual([]);
  expect(readEntryList(`\uFEFF${list(printed)}`, 'stdin')).toHaveLength(1);
  const late = { ...printed, disable_x509_svid_prefetch: true };
  expect(readEntryList(list(late), 'stdin')[0]?.isPrefetched).toBe(false);
});

test.each<[string, string, string]>([
  ['the output for people', 'Found 0 entries', 'stdin: unexpected character at line 1, column 1'],
  ['nothing', '', 'the text ends too early'],
  ['something else', '{"bundles": []}', 'no list "entries"; give what "spire-server entry show'],
  ['a list', '[]', 'no list "entries"'],
  ['one page of several', '{"entries": [], "next_page_token": "x"}', 'one page of several'],
  ['an entry without an id', list(printed, { ...printed, id: '' }), 'entries[1]: '],
  ['an entry without selectors', list({ ...printed, selectors: [] }), 'entries[0]: '],
  [
    'an ID that is none',
    list({ ...printed, spiffe_id: { trust_domain: 'One', path: '/a' } }),
    'spiffe_id is not a SPIFFE ID',
  ],
  ['a selector that is none', list({ ...printed, selectors: ['k8s:ns:a'] }), 'a selector must'],
  ['a life that is none', list({ ...printed, jwt_svid_ttl: '5m' }), 'jwt_svid_ttl'],
  ['an entry that is none', list(null), 'entries[0]: '],
  [
    'a list that is none',
    list({ ...printed, federates_with: {} }),
    'federates_with must be a list',
  ],
  ['a text for a list', list({ ...printed, dns_names: 'a.b' }), 'dns_names must be a list'],
  [
    'an entry that is listed twice',
    list(printed, { ...printed, id: 'b' }, printed),
    'stdin: entries[2]: has the id svidecar.a.1 of entries[0]',
  ],
])('%s is refused', (_what, text, words) => {
  const read = (): unknown => readEntryList(text, 'stdin');
  expect(read).toThrow(AppError);
  expect(read).toThrow(words);
});
