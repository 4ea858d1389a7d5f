/**
 * The law of what Envoy reads, on pods made by chance: the file that is patched is the one that an Envoy started by the kubelet's
 * rules reads, and no other Envoy serves with another text unless that was said. `SVIDECAR_SEARCH=2000` tries more pods,
 * `SVIDECAR_SEARCH_SEED=1` others.
 */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AppError } from '#kernel/errors.ts';
import { isArray, isObject, type Json, type JsonObject } from '#kernel/json.ts';
import { locateEnvoy, type EnvoyLocation } from '../../webhook/injection/envoy-location.ts';
import { makePod, type MadePod } from './reads/pod-maker.ts';
import { makeImage, textsRead } from './reads/run-container.ts';
import { world, type World } from './reads/world.ts';

const sample = 200;
const count = Number(process.env['SVIDECAR_SEARCH'] ?? sample);
const seed = Number(process.env['SVIDECAR_SEARCH_SEED'] ?? 20_261_129);

let root = '';
beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'reads-')));
  makeImage(root);
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

function locate({ spec, unseen }: MadePod): EnvoyLocation | AppError {
  const keysOf = (name: string): readonly string[] | undefined => {
    const keys = unseen.includes(name) ? undefined : world.configMaps[name];
    return keys === undefined ? undefined : Object.keys(keys);
  };
  try {
    return locateEnvoy(spec, { container: undefined, config: undefined }, { keysOf, claims: [] });
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}

/** The pod with another ConfigMap where the location says that its name stands. */
function renamed(made: MadePod, { namePath }: EnvoyLocation): MadePod {
  const spec = structuredClone(made.spec);
  const path = namePath.split('/').slice(2);
  const at = path.slice(0, -1).reduce<Json | undefined>((value, step) => {
    if (isArray(value))
      return step.startsWith('name=')
        ? value.find((each) => isObject(each) && each['name'] === step.slice(5))
        : value[Number(step)];
    return isObject(value) ? value[step] : undefined;
  }, spec);
  expect(isObject(at) && at['name']).toBeTypeOf('string');
  Object.assign(at as JsonObject, { name: 'derived' });
  return { ...made, spec };
}

function withCopy({ configMap, file }: EnvoyLocation): World {
  const derived = { ...world.configMaps[configMap], [file]: 'patched' };
  return { ...world, configMaps: { ...world.configMaps, derived } };
}

const reasons = new Set(['ENVOY_CONFIG_NOT_FOUND', 'ENVOY_CONTAINER_NOT_FOUND']);

interface Tally {
  refused: number;
  warned: number;
  patched: number;
}

/** What is wrong; undefined = nothing. */
function fault(made: MadePod, tally: Tally): string | undefined {
  const found = locate(made);
  if (found instanceof AppError) {
    tally.refused += 1;
    const isTold = reasons.has(found.code) && /container "(?:envoy|first)"/.test(found.message);
    return isTold ? undefined : found.message;
  }
  if (found.doubts.length > 0) tally.warned += 1;
  // Admission refuses a key that is not there, and writes no copy of what is not there.
  const own = world.configMaps[found.configMap]?.[found.file];
  return own === undefined || found.doubts.length > 0 ? undefined : faultOf(made, found, tally);
}

/** Of one that is patched, with nothing said. */
function faultOf(made: MadePod, found: EnvoyLocation, tally: Tally): string | undefined {
  const own = world.configMaps[found.configMap]?.[found.file];
  const before = textsRead(root, made, world) ?? [];
  const other = before.find((text) => text !== own);
  if (other !== undefined) return `${own ?? ''} is said to be read, and ${other} is`;
  const after = textsRead(root, renamed(made, found), withCopy(found)) ?? [];
  const unpatched = after.find((text) => text !== 'patched');
  if (after.length > 0) tally.patched += 1;
  return unpatched === undefined ? undefined : `with the copy, ${unpatched} is read`;
}

/** Shells are started one after the other. */
const timeout = 30_000 + count * 100;

test(
  'what is patched is what an Envoy of the pod reads, or it is refused or warned about',
  { timeout },
  () => {
    const tally: Tally = { refused: 0, warned: 0, patched: 0 };
    const holes = fc.sample(fc.gen(), { numRuns: count, seed }).flatMap((g) => {
      const made = makePod(g, root);
      const wrong = fault(made, tally);
      const { container, spec, unseen } = made;
      return wrong === undefined ? [] : [{ wrong, container, volumes: spec['volumes'], unseen }];
    });
    expect(holes.slice(0, 3).map((hole) => JSON.stringify(hole))).toEqual([]);
    // The law is not kept by refusing all.
    expect(tally.patched).toBeGreaterThan(count / 15);
    expect(tally.refused).toBeGreaterThan(count / 15);
  },
);
