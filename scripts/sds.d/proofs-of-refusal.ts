/** Who is let in and who is not, on a scene where nothing changes. */
import assert from 'node:assert/strict';
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  bothServed,
  expectPage,
  expectRefusal,
  idOf,
  isServed,
  logged,
  pathOf,
  services,
  type Proof,
} from './proof.ts';
import {
  eventually,
  httpPort,
  httpsPort,
  logOf,
  sds,
  servicePorts,
  type Service,
} from './scene.ts';
import { foreign, impersonate, minted } from './strangers.ts';
import { knock, visit, type Pair } from './visitors.ts';

const bothSides: Proof = {
  title: 'the handshake shows a SPIFFE ID on both sides: on the pages, and in the logs of both',
  async prove() {
    for (const service of services) {
      const after = { front: logOf('front-envoy').length, service: logOf(service).length };
      // Neither who it says to be, nor what only our own Envoys may ask of one another, counts from a visitor.
      const lie = {
        'x-forwarded-client-cert': `By=x;URI=${idOf('somebody-else')}`,
        'x-envoy-upstream-rq-timeout-ms': '1',
      };
      expectPage(await visit(pathOf(service), { headers: lie }), service);
      const sides = [`"caller":"${idOf('front-envoy')}"`, `"callee":"${idOf(service)}"`];
      await logged('front-envoy', after.front, sides);
      await logged(service, after.service, sides);
    }
    return '';
  },
};

const redirect: Proof = {
  title: 'plain HTTP is sent to HTTPS, and nowhere else',
  async prove() {
    const response = await fetch(`http://localhost:${httpPort}/service/gray?a=b`, {
      redirect: 'manual',
    });
    assert.equal(response.status, 301);
    assert.equal(
      response.headers.get('location'),
      `https://localhost:${httpsPort}/service/gray?a=b`,
    );
    assert.equal(await statusFor('elsewhere.example'), 404);
    return '';
  },
};

/** Of a request that names this host. */
function statusFor(host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port: httpPort, headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
}

const strangers: Proof = {
  title:
    'both services refuse: no certificate, another workload, another trust domain, another authority, an expired one',
  async prove() {
    const started = Date.now();
    const [right, expired, other, otherDomain, otherAuthority] = await Promise.all([
      minted(idOf('front-envoy')),
      minted(idOf('front-envoy'), 1),
      minted(idOf('somebody-else')),
      foreign('spiffe://other.example/front-envoy'),
      foreign(idOf('front-envoy')),
    ]);
    const cases: readonly (readonly [Pair | undefined, string])[] = [
      [undefined, 'PEER_DID_NOT_RETURN_A_CERTIFICATE'],
      [other, 'SAN_match'],
      [otherDomain, 'no_trust_bundle_store'],
      [otherAuthority, 'unable_to_get_local_issuer_certificate'],
      [expired, 'certificate_has_expired'],
    ];
    await sleep(Math.max(started + 3_000 - Date.now(), 0));
    for (const service of services) {
      expectPage(await knock(servicePorts[service], right), service);
      await expectShut(service, cases);
    }
    return `${cases.length} kinds`;
  },
};

/** Nobody of them gets an answer, and the service's log says why. */
async function expectShut(
  service: Service,
  cases: readonly (readonly [Pair | undefined, string])[],
): Promise<void> {
  const after = logOf(service).length;
  for (const [pair] of cases) {
    const outcome = await knock(servicePorts[service], pair);
    assert.equal(outcome.kind, 'refused', JSON.stringify(outcome));
  }
  for (const [, word] of cases) await logged(service, after, ['"why":"TLS_error', word]);
}

const impostors: Proof = {
  title: 'front-envoy refuses a service that is another, of another authority, or expired',
  async prove() {
    const service = 'service-purple';
    const port = servicePorts[service];
    const expired = await minted(idOf(service), 1);
    const wrong = [await minted(idOf('service-gray')), await foreign(idOf(service)), expired];
    await sleep(1_500);
    await sds(['stop', service]);
    try {
      for (const pair of wrong) {
        const after = logOf('front-envoy').length;
        await impersonate(port, pair, async () => {
          await expectRefusal(service);
        });
        await logged('front-envoy', after, ['"status":503', 'CERTIFICATE_VERIFY_FAILED']);
      }
      await impersonate(port, await minted(idOf(service)), async () => {
        await eventually('the right certificate is let in', () => isServed(service));
      });
    } finally {
      await sds(['start', service]);
    }
    await bothServed();
    return '';
  },
};

export const proofsOfRefusal: readonly Proof[] = [redirect, bothSides, strangers, impostors];
