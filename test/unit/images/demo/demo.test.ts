import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { backendReply } from '../../../../images/demo/backend.ts';
import { readinessOf } from '../../../../images/demo/frontend.ts';
import { accountPage } from '../../../../images/demo/page.ts';

const refused = { kind: 'refused', reason: 'HTTP 403: <script>"no" & \'never\'</script>' } as const;

test('the backend knows the parts of two accounts, and nothing else', () => {
  expect(backendReply('/accounts/1/profile').body).toContain('Jacob Marley');
  expect(backendReply('/accounts/2/profile').body).toContain('Alex Fergus');
  for (const path of ['/', '/accounts/3/profile', '/accounts/1/secret', '/accounts/1/profile/x']) {
    expect(backendReply(path).status).toBe(404);
  }
});

test('the page says of each part why it is not shown, and never runs what it is told', () => {
  const page = accountPage('1', { balance: refused, profile: refused, transactions: refused });
  expect(page.match(/class="refused"/g)).toHaveLength(3);
  expect(page).toContain('&lt;script&gt;&quot;no&quot; &amp; &#39;never&#39;&lt;/script&gt;');
  expect(page).not.toContain('<script>');
});

test('amounts are shown with two digits, from cents', () => {
  const balance = { kind: 'shown', value: { amountCents: 109_505, currency: 'USD' } } as const;
  const page = accountPage('1', { balance, profile: refused, transactions: refused });
  expect(page).toContain('1095.05 USD');
});

test('the frontend is ready once it has heard from the backend, a refusal too, and stays so', async () => {
  let status = 503;
  const envoy = createServer((_request, response) => response.writeHead(status).end());
  await once(envoy.listen(0, '127.0.0.1'), 'listening');
  // A server on TCP has such an address.
  const { port } = envoy.address() as AddressInfo;
  const isReady = readinessOf({ backend: new URL(`http://127.0.0.1:${port}`), account: '1' });
  expect(await isReady()).toBe(false);
  status = 403;
  expect(await isReady()).toBe(true);
  envoy.close();
  envoy.closeAllConnections();
  await once(envoy, 'close');
  expect(await isReady()).toBe(true);

  const nobody = readinessOf({ backend: new URL(`http://127.0.0.1:${port}`), account: '1' });
  expect(await nobody()).toBe(false);
});
