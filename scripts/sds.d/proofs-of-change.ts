/** Certificates, agents and entries come and go; after each proof the next one finds both services served or says why not. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  bothServed,
  expectRefusal,
  idOf,
  isServed,
  logged,
  services,
  type Proof,
} from './proof.ts';
import {
  certificateOf,
  connectionLifeS,
  eventually,
  logOf,
  machines,
  registerForS,
  run,
  sds,
  type Machine,
} from './scene.ts';
import { loadDuring } from './visitors.ts';

const rotation: Proof = {
  title: 'certificates change every second or two under load, and no request is lost',
  async prove() {
    const seen: Readonly<Record<Machine, Set<string>>> = {
      'front-envoy': new Set(),
      'service-purple': new Set(),
      'service-gray': new Set(),
    };
    await registerForS(6);
    const { answers, lost } = await loadDuring(async () => {
      for (let turn = 0; turn < 20; turn += 1) {
        for (const machine of machines)
          seen[machine].add((await certificateOf(machine))?.serial ?? '');
        await sleep(200);
      }
    });
    assert.deepEqual(lost, []);
    const counts = machines.map((machine) => seen[machine].size);
    assert(Math.min(...counts) >= 3, `certificates seen: ${counts.join(', ')}`);
    return `${answers} requests, ${counts.join(', ')} certificates`;
  },
};

const agentsAway: Proof = {
  title: 'agents go away and come back under load: no request is lost, and new certificates come',
  async prove() {
    await registerForS(60);
    // What they hold must outlast the agents' absence.
    for (const machine of machines)
      await eventually(`${machine} has an identity that lasts`, async () =>
        lastsMs(machine, 30_000),
      );
    const agents = machines.map((machine) => `${machine}-agent`);
    const { answers, lost } = await loadDuring(async () => {
      await sds(['stop', ...agents]);
      const before = await Promise.all(machines.map(certificateOf));
      await sleep(1_000);
      await sds(['start', ...agents]);
      for (const [at, machine] of machines.entries())
        await eventually(
          `${machine} gets a new certificate`,
          async () => (await certificateOf(machine))?.serial !== before[at]?.serial,
        );
    });
    assert.deepEqual(lost, []);
    return `${answers} requests`;
  },
};

async function lastsMs(machine: Machine, ms: number): Promise<boolean> {
  const held = await certificateOf(machine);
  return held !== undefined && held.endsMs > Date.now() + ms;
}

const lifeS = 4;

const identityEnds: Proof = {
  title:
    'an entry is deleted, another agent stays away: both services are out within the lives of SVID and connection',
  async prove() {
    await registerForS(lifeS);
    for (const service of services)
      await eventually(
        `${service} has an identity that ends soon`,
        async () => !(await lastsMs(service, lifeS * 1_000)),
      );
    await sds(['unregister', 'service-purple']);
    await sds(['stop', 'service-gray-agent']);
    const began = performance.now();
    // The SVID is at most this old, the connection began with it; one second each for the agent and for the measurement.
    for (const service of services)
      await eventually(
        `${service} is refused`,
        async () => !(await isServed(service)),
        lifeS + connectionLifeS + 2,
      );
    const tookS = (performance.now() - began) / 1_000;
    for (const service of services) await expectRefusal(service);
    const { code, output } = await status();
    assert.equal(code, 1);
    assert.match(
      output,
      /^service-purple: .*SPIRE has no entry for it; scripts\/sds register service-purple$/m,
    );
    assert.match(output, /^service-gray: .*its agent does not run; scripts\/sds up$/m);
    return `after ${tookS.toFixed(1)} s`;
  },
};

const entryMissing: Proof = {
  title:
    'a service that starts without an entry gets no identity, and its log says why; with the entry it is back',
  async prove() {
    const after = logOf('service-purple').length;
    await sds(['stop', 'service-purple']);
    await sds(['start', 'service-purple']);
    await expectRefusal('service-purple');
    await logged('service-purple', after, [
      'not authorized for the requested identities',
      idOf('service-purple'),
    ]);
    assert.match(
      (await status()).output,
      /^service-purple: runs, and has no identity: SPIRE has no entry for it/m,
    );
    await registerForS(60);
    await sds(['start', 'service-gray-agent']);
    await bothServed();
    return '';
  },
};

function status(): Promise<{ readonly code: number; readonly output: string }> {
  return run(new URL('../sds', import.meta.url).pathname, ['status']);
}

export const proofsOfChange: readonly Proof[] = [rotation, agentsAway, identityEnds, entryMissing];
