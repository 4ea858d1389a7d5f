/** An OpenID provider that tells of logouts: its key set over HTTPS, and tokens, good ones and others. */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { createAuthority } from '../harness/authority.ts';

export interface LogoutTellerOptions {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
}

export interface LogoutTeller {
  readonly issuer: string;
  readonly keysUrl: string;
  /** PEM of who signed its certificate. */
  readonly caPem: string;
  /** How often its key set was asked for. */
  readonly fetched: () => number;
  /** Makes it answer 500 from now on. */
  fail(isFailing: boolean): void;
  token(odd?: LogoutTellerOptions): Promise<string>;
  stop(): void;
}

const event = 'http://schemas.openid.net/event/backchannel-logout';

export async function startLogoutTeller(): Promise<LogoutTeller> {
  const authority = await createAuthority('provider');
  const { certificatePem, keyPem } = await authority.issue({
    commonName: 'id.example.org',
    hosts: ['127.0.0.1'],
  });
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const keys = [{ ...(await exportJWK(publicKey)), kid: 'one', use: 'sig' }];
  let fetched = 0;
  let isFailing = false;
  const server = createServer({ cert: certificatePem, key: keyPem }, (_request, response) => {
    fetched += 1;
    response.writeHead(isFailing ? 500 : 200).end(JSON.stringify({ keys }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // Listening on loopback on a free port: a number.
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let count = 0;
  return {
    issuer: `${url}/realms/shop`,
    keysUrl: `${url}/certs`,
    caPem: authority.caPem,
    fetched: () => fetched,
    fail: (failing) => {
      isFailing = failing;
    },
    token: ({ claims = {}, header = {} } = {}) => {
      const nowS = Math.floor(Date.now() / 1_000);
      count += 1;
      const usual = { iss: `${url}/realms/shop`, aud: 'shop', iat: nowS, exp: nowS + 120 };
      return new SignJWT({ ...usual, jti: `t-${count}`, events: { [event]: {} }, ...claims })
        .setProtectedHeader({ alg: 'RS256', kid: 'one', typ: 'logout+jwt', ...header })
        .sign(privateKey);
    },
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
