/**
 * Two laws, searched for holes on real Envoy with configurations made by chance from what people use, patched as at admission:
 * unless the workload was refused or warned, no request without a token reaches the app, and a token reaches only
 * the host that it is meant for. `SVIDECAR_SEARCH=300` tries as many configurations in place of a sample,
 * `SVIDECAR_SEARCH_SEED=1` others.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dataPaths, type DataPathName } from './data-paths/pods.ts';
import { describeWithComponents } from './harness/components.ts';
import type { InjectedPod } from './mesh/injected-pod.ts';
import { incoming, sources } from './search/incoming.ts';
import { audienceFor, audiences, outgoing, outgoingProbes } from './search/outgoing.ts';
import { incomingProbes } from './search/probes.ts';
import { audienceOf, startRig, type Generated, type Ports, type Rig } from './search/rig.ts';
import { marker, send, type Probe } from './search/world.ts';

/** Configurations that are tried in each of four ways unless told otherwise. */
const sample = 20;
const count = Number(process.env['SVIDECAR_SEARCH'] ?? sample);
const seed = Number(process.env['SVIDECAR_SEARCH_SEED'] ?? 20_261_128);
const drawn = fc.sample(fc.gen(), { numRuns: count, seed });
/** How often requests with a token are sent until one gets in. */
const maxTries = 5;
/** Requests that are under way at a time. */
const width = 32;

/** Warnings about something else than a request that passes, or a token that gets to another host: they excuse nothing. */
const beside = [
  /has no TLS transport_socket/,
  /tells whether they are protected by TLS/,
  /does the work of \S+ already/,
];
const isBeside = (warning: string): boolean => beside.some((words) => words.test(warning));

interface Tally {
  refused: number;
  warned: number;
  tried: number;
  readonly holes: object[];
}

async function inGroups<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < items.length; from += width)
    await Promise.all(items.slice(from, from + width).map(act));
}

interface Search {
  readonly rig: Rig;
  readonly dataPath: DataPathName;
  readonly generate: (g: fc.GeneratorValue, ports: Ports) => Generated;
  /** @returns what should not have happened */
  readonly holesIn: (generated: Generated) => Promise<readonly string[]>;
}

/** @returns the folder that holds them now */
async function keep(files: Readonly<Record<string, string>>): Promise<string> {
  const kept = await mkdtemp(join(tmpdir(), 'svidecar-hole-'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(kept, name), text);
  return kept;
}

/** Tries every configuration that was drawn. */
async function search({ rig, dataPath, generate, holesIn }: Search): Promise<Tally> {
  const tally: Tally = { refused: 0, warned: 0, tried: 0, holes: [] };
  const tryOne = async (generated: Generated, pod: InjectedPod): Promise<void> => {
    tally.tried += 1;
    const found = await rig.whileRunning(pod, dataPath, () => holesIn(generated));
    if (found.length === 0) return;
    const { features, files } = generated;
    const kept = await keep({ 'source of envoy.yaml': files['envoy.yaml'] ?? '', ...pod.files });
    tally.holes.push({ features, found: found.slice(0, 3), kept });
  };
  for (const g of drawn) {
    const generated = generate(g, rig.ports);
    const pod = rig.inject(generated, dataPath);
    if (typeof pod === 'string') tally.refused += 1;
    else if (!pod.warnings.every(isBeside)) tally.warned += 1;
    else await tryOne(generated, pod);
  }
  return tally;
}

/** A configuration with nothing unusual in it: the first of many that has not. */
function plainest(generate: Search['generate']): (ports: Ports) => Generated {
  return (ports) => {
    const all = fc.sample(fc.gen(), { numRuns: 500, seed: 1 }).map((g) => generate(g, ports));
    const [first] = all.toSorted((a, b) => a.features.length - b.features.length);
    if (first === undefined) throw new RangeError('nothing was generated');
    return first;
  };
}

function judge({ holes, tried, ...rest }: Tally): void {
  expect(holes, JSON.stringify({ tried, ...rest })).toEqual([]);
  // Else the generator tells nothing any more.
  expect(tried, JSON.stringify(rest)).toBeGreaterThan(count / 5);
}

describeWithComponents(['envoy'], 'unless it was refused or warned', () => {
  let inbound: Rig;
  let outbound: Rig;

  beforeAll(async () => {
    const annotations = {
      'inject.svidecar.dev/templates': 'jwt-validate',
      'svidecar.dev/audience': 'app',
    };
    inbound = await startRig(annotations, plainest(incoming));
    const byHost = {
      'inject.svidecar.dev/templates': 'jwt-inject',
      'svidecar.dev/audience-by-host': audiences,
    };
    outbound = await startRig(byHost, plainest(outgoing));
  }, 120_000);
  afterAll(async () => {
    await Promise.all([inbound.stop(), outbound.stop()]);
  });

  /** Requests without a token that got to the app, or got what only the app says. */
  async function entered(generated: Generated): Promise<readonly string[]> {
    const { app } = inbound;
    const probes = incomingProbes(generated, randomUUID());
    const authorization = `Bearer ${await inbound.mint('app')}`;
    const friends: readonly Probe[] = probes
      .filter(({ kind, source }) => kind === 'http1' && source === sources[0])
      .map((probe) => ({
        ...probe,
        headers: { ...probe.headers, authorization },
        name: `${probe.name} with a token`,
      }));
    const isOpenToFriends = (): boolean =>
      friends.some(({ name }) => app.arrivals(name).length > 0);
    // What a cache keeps of their answers comes out below. A busy machine may keep the helper from answering in time.
    for (let tries = 0; tries < maxTries && !isOpenToFriends(); tries += 1)
      await inGroups(friends, send);
    const found: string[] = [];
    await inGroups(probes, async (probe) => {
      const answer = await send(probe);
      const isIn = answer.includes(marker) || app.arrivals(probe.name).length > 0;
      if (isIn) found.push(`${probe.name}: ${answer}`);
    });
    return isOpenToFriends() ? found : [...found, 'nobody gets in, with a token or without'];
  }

  /** Tokens that got to another host than the one that they are meant for. */
  async function leaked(generated: Generated): Promise<readonly string[]> {
    const probes = outgoingProbes(generated, randomUUID());
    await inGroups(probes, send);
    return probes.flatMap(({ name }) =>
      outbound.app
        .arrivals(name)
        .filter(({ host, authorization }) => {
          const audience = audienceOf(authorization);
          return audience !== undefined && audience !== audienceFor(host);
        })
        .map(({ host, path, authorization }) => {
          return `${name}: a token for ${audienceOf(authorization) ?? ''} at ${host}${path}`;
        }),
    );
  }

  test.each(dataPaths)(
    `no request without a token reaches the app: ${count} configurations, %s`,
    async (dataPath) => {
      judge(await search({ rig: inbound, dataPath, generate: incoming, holesIn: entered }));
    },
    count * 20_000,
  );

  test.each(dataPaths)(
    `a token reaches only the host that it is meant for: ${count} configurations, %s`,
    async (dataPath) => {
      judge(await search({ rig: outbound, dataPath, generate: outgoing, holesIn: leaked }));
    },
    count * 20_000,
  );
});
