/** With `scripts/sds tokens`: mTLS alone no longer gets in. */
import assert from 'node:assert/strict';
import { expectPage, idOf, pathOf, services, type Proof } from './proof.ts';
import { dataPath, sds, servicePorts, type Service } from './scene.ts';
import { minted } from './strangers.ts';
import { knock, visit, type Outcome, type Pair } from './visitors.ts';

/** A JWT-SVID of the scene's own SPIRE for anyone, as its administrator may mint it. */
async function token(spiffeId: string, audience: string): Promise<string> {
  const wanted = ['-spiffeID', spiffeId, '-audience', audience, '-ttl', '60s'];
  const output = await sds(['spire-server', 'jwt', 'mint', ...wanted]);
  const found = /eyJ[\w-]+\.[\w-]+\.[\w-]+/.exec(output)?.[0];
  if (found === undefined) throw new Error('spire-server minted no token');
  return found;
}

function audienceOf(service: Service): string {
  return dataPath === 'native' ? idOf('services') : idOf(service);
}

function knockWith(service: Service, pair: Pair, bearer: string | undefined): Promise<Outcome> {
  const headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
  return knock(servicePorts[service], pair, headers);
}

function expectDenied(outcome: Outcome, what: string): void {
  assert(outcome.kind === 'answered', `${what}: ${JSON.stringify(outcome)}`);
  assert([401, 403].includes(outcome.status), `${what}: HTTP ${outcome.status}`);
}

const judged: Proof = {
  title:
    'with mTLS as front-envoy, both services refuse: no token, another audience, another caller, a token that nobody signed',
  async prove() {
    const front = await minted(idOf('front-envoy'));
    const other = await minted(idOf('somebody-else'));
    for (const service of services) {
      const audience = audienceOf(service);
      const right = await token(idOf('front-envoy'), audience);
      const forged = `${right.slice(0, right.lastIndexOf('.'))}.${'A'.repeat(86)}`;
      const cases = new Map([
        ['no token', undefined],
        ['another audience', await token(idOf('front-envoy'), idOf('elsewhere'))],
        ['another caller', await token(idOf('somebody-else'), audience)],
        ['a token that nobody signed', forged],
      ]);
      for (const [what, bearer] of cases)
        expectDenied(await knockWith(service, front, bearer), what);
      expectPage(await knockWith(service, front, right), service);
      // The token alone is not enough either.
      assert.equal((await knockWith(service, other, right)).kind, 'refused');
    }
    return dataPath;
  },
};

const sent: Proof = {
  title: 'front-envoy sends the right token to each service, and none that a visitor brings along',
  async prove() {
    for (const service of services) {
      expectPage(await visit(pathOf(service)), service);
      const headers = {
        authorization: `Bearer ${await token(idOf('front-envoy'), audienceOf(service))}`,
      };
      expectDenied(await visit(pathOf(service), { headers }), "a visitor's token");
    }
    return dataPath;
  },
};

export const proofsOfTokens: readonly Proof[] = [judged, sent];
