/** Callers by X.509-SVID over real TLS: an authority vouches for its own trust domain, and for no other. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { connect, createServer, type Server } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { messageOf } from '#kernel/errors.ts';
import { parseTrustDomain } from '#kernel/spiffe-id.ts';
import { PeerCallers } from '../../../../bans/server/peer-callers.ts';
import {
  createX509Authority,
  type X509Authority,
} from '../../../../sidecar/stand-ins/x509-authority.ts';
import type { X509Svids } from '../../../../sidecar/workload-api/api.ts';
import { tlsOf } from '../../../integration/mesh/ban-caller.ts';

const self = 'spiffe://prod.test/bans';
const clock = { now: () => Date.now() };

class FakeSvids {
  state: X509Svids | undefined;
  readonly #listeners = new Set<() => void>();
  current(): X509Svids | undefined {
    return this.state;
  }
  problem(): undefined {
    return undefined;
  }
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  send(state: X509Svids): void {
    this.state = state;
    for (const listener of this.#listeners) listener();
  }
}

let own: X509Authority;
let foreign: X509Authority;
let source: FakeSvids;
let peers: PeerCallers;
let server: Server;
const sockets: TLSSocket[] = [];

async function stateWith(federated: boolean): Promise<X509Svids> {
  const svid = { spiffeId: self, hint: '', ...(await own.issue(self, 600)) };
  const bundles = federated ? [['spiffe://other.test', foreign.bundle] as const] : [];
  return { svids: [svid], federatedBundles: new Map(bundles) };
}

beforeEach(async () => {
  own = await createX509Authority(parseTrustDomain('prod.test'), clock);
  foreign = await createX509Authority(parseTrustDomain('other.test'), clock);
  source = new FakeSvids();
  peers = new PeerCallers(source, undefined);
});
afterEach(() => {
  for (const each of sockets.splice(0)) each.destroy();
  server.close();
});

/** The server's end of a connection on which this SVID was shown. */
async function connected(authority: X509Authority, spiffeId: string): Promise<TLSSocket> {
  const pair = peers.current();
  if (pair === undefined) throw new TypeError('there is no certificate to serve');
  const issued = await authority.issue(spiffeId, 600);
  const { cert, key } = tlsOf({ spiffeId, hint: '', ...issued });
  server = createServer({
    cert: pair.certificate,
    key: pair.key,
    ca: peers.authorities(),
    requestCert: true,
    rejectUnauthorized: false,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // Listening on loopback on a free port: a number.
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', cert, key, rejectUnauthorized: false });
  client.on('error', () => undefined);
  const [socket] = (await once(server, 'secureConnection')) as [TLSSocket];
  sockets.push(client, socket);
  return socket;
}

function outcomeOf(socket: TLSSocket, nowMs = Date.now()): string | undefined {
  try {
    return peers.idOf(socket, nowMs);
  } catch (thrown) {
    return messageOf(thrown);
  }
}

describe('a caller', () => {
  test('is who its own authority says', async () => {
    source.send(await stateWith(true));
    expect(outcomeOf(await connected(own, 'spiffe://prod.test/a'))).toBe('spiffe://prod.test/a');
    server.close();
    expect(outcomeOf(await connected(foreign, 'spiffe://other.test/a'))).toBe(
      'spiffe://other.test/a',
    );
  });

  test('of whom a federated authority says that it is of another trust domain is nobody', async () => {
    source.send(await stateWith(true));
    const socket = await connected(foreign, 'spiffe://prod.test/ns/shop/sa/accounts');
    expect(socket.authorized).toBe(true);
    expect(outcomeOf(socket)).toContain('of its own trust domain');
  });

  test('of an authority that nobody knows is nobody', async () => {
    source.send(await stateWith(false));
    expect(outcomeOf(await connected(foreign, 'spiffe://other.test/a'))).toContain('trust bundle');
  });

  test.each(['spiffe://prod.test/a//b', 'https://prod.test/a'])(
    'with the name %s is nobody',
    async (name) => {
      source.send(await stateWith(false));
      expect(outcomeOf(await connected(own, name))).toContain('no X.509-SVID');
    },
  );

  test('is judged anew when the trust changes, and when its certificate ends, on an open connection', async () => {
    source.send(await stateWith(true));
    const socket = await connected(foreign, 'spiffe://other.test/a');
    expect(outcomeOf(socket)).toBe('spiffe://other.test/a');
    expect(outcomeOf(socket, Date.now() + 601_000)).toContain('expired');
    source.send(await stateWith(false));
    expect(outcomeOf(socket)).toContain('of its own trust domain');
  });
});

test('a message that cannot be read leaves the last one in force, and is told of', async () => {
  source.send(await stateWith(false));
  const before = peers.current();
  source.send({ svids: [], federatedBundles: new Map() });
  expect(peers.current()).toBe(before);
  expect(peers.problem()).toContain('no X.509-SVID');
  server = createServer();
});
