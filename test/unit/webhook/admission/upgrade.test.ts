/** What another version of svidecar left on objects: an older one's is understood, a newer one's is not destroyed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { isObject, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { carriedOut, decideOn, withAnnotations } from '../../../fakes/admission.ts';
import { engineFor } from '../../../fakes/engine.ts';

interface Pair {
  readonly original: JsonObject;
  /** As an early 0.1.0 stored it, from before that was released: never renewed, whatever this version would write. */
  readonly injected: JsonObject;
}

// Written once, by hand of version 0.1.0; the shape is that of Pair.
const pairs = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../fakes/injected-by-0.1.0.json'), 'utf8'),
) as readonly Pair[];
const named = pairs.map((pair): [string, Pair] => {
  const { original } = pair;
  return [`${stringAt(original, 'kind') ?? ''} ${nameOf(original)}`, pair];
});
const writtenBy = '0.1.0';
/** Its helper is the one that was installed then: another image is another mark. */
const engine = {
  ...engineFor({ helper: { image: `svidecar/helper:${writtenBy}` } }),
  version: '0.9.0',
};

function nameOf(object: JsonObject): string {
  return stringAt(objectAt(object, 'metadata'), 'name') ?? '';
}

function templateOf(object: JsonObject): JsonObject {
  const template = objectAt(object, 'spec')['template'];
  return isObject(template) ? template : object;
}

/** The object with its status changed. */
function withStatus(object: JsonObject, change: (status: JsonObject) => JsonObject): JsonObject {
  const annotations = objectAt(objectAt(templateOf(object), 'metadata'), 'annotations');
  const status: unknown = JSON.parse(stringAt(annotations, 'svidecar.dev/status') ?? '');
  const changed = JSON.stringify(change(isObject(status) ? status : {}));
  return withAnnotations(object, { 'svidecar.dev/status': changed });
}

/** As a version that knows more may write it: with something to undo that we do not know. */
function byNewer(object: JsonObject): JsonObject {
  return withStatus(object, (status) => {
    const undo = { ...objectAt(status, 'undo'), moved: [{ from: '/spec/a', to: '/spec/b' }] };
    return { ...status, version: '9.0.0', undo };
  });
}

describe.each(named)('what version 0.1.0 made of %s', (_name, { original, injected }) => {
  test('is left as it is by an update that does not touch it', () => {
    const decision = decideOn(injected, { engine, before: injected });
    expect(decision).toMatchObject({ operations: [] });
  });

  test('is the same but for longer hashes, the version of Envoy and settings as JSON after it is asked for again, and stays so', () => {
    const renewed = carriedOut(injected, decideOn(injected, { engine }));
    expect(JSON.stringify(renewed)).not.toMatch(/svidecar-[0-9a-f]{10}(?![0-9a-f])/);
    expect(withShortHashes(withSettingsRead(renewed))).toBe(
      withShortHashes(withSettingsRead(injected)),
    );
    expect(decideOn(renewed, { engine })).toMatchObject({ kind: 'unchanged', operations: [] });
    const optedOut = withAnnotations(renewed, { 'svidecar.dev/inject': 'false' });
    expect(carried(optedOut, decideOn(optedOut, { engine }))).toEqual(
      withAnnotations(original, { 'svidecar.dev/inject': 'false' }),
    );
  });

  test('becomes the original when it is taken back', () => {
    const optedOut = withAnnotations(injected, { 'svidecar.dev/inject': 'false' });
    const wanted = withAnnotations(original, { 'svidecar.dev/inject': 'false' });
    const decision = decideOn(optedOut, { engine });
    expect(decision.kind).toBe('uninjected');
    expect(carried(optedOut, decision)).toEqual(wanted);
  });
});

/** The settings as they are read, whether they were written as YAML or JSON; the name of their ConfigMap follows from the text. */
function withSettingsRead(object: JsonObject): JsonObject {
  return withStatus(object, (status) => {
    const helper = objectAt(status, 'helper');
    const settings: unknown = parse(stringAt(helper, 'settings') ?? '');
    return { ...status, helper: { ...helper, settings: JSON.stringify(sorted(settings)) } };
  });
}

/** The volume's mark follows from the name in it, so it is another; the version of Envoy was not noted yet. */
function withShortHashes(object: JsonObject): string {
  return JSON.stringify(sorted(object))
    .replaceAll(/\b([0-9a-f]{10})[0-9a-f]{22}\b/g, '$1')
    .replaceAll(/(name=svidecar-settings\\":\\")[0-9a-f]{10}/g, '$1')
    .replaceAll(/,\\"version\\":\\"1\.\d+\\"/g, '')
    .replaceAll(/(?<!-)svidecar-[0-9a-f]{10}\b/g, 'svidecar-0')
    .replaceAll('0.9.0', writtenBy);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  const keys = Object.keys(value).sort();
  return Object.fromEntries(keys.map((key) => [key, sorted(value[key])]));
}

/** Operations carried out, those of a removal too. */
const carried = carriedOut;

const [deployment] = pairs.map(({ injected }) => injected);
if (deployment === undefined) throw new TypeError('the fixture is empty');

describe('what a newer version made', () => {
  const newer = byNewer(deployment);

  test('is left alone, with a reason, where nobody changes it', () => {
    const scaled = { ...newer, spec: { ...objectAt(newer, 'spec'), replicas: 5 } };
    const decision = decideOn(scaled, { engine, before: newer });
    expect(decision).toMatchObject({ kind: 'skipped', reason: 'status_newer' });
    expect(decision.steps.at(-1)?.message).toMatch(
      /svidecar 9\.0\.0, which knows more than this version \(moved in svidecar\.dev\/status\)/,
    );
  });

  test('is left alone in the pods of its controller', () => {
    const owner = {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      name: 'r',
      uid: 'u',
      controller: true,
    };
    const template = templateOf(newer);
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      spec: template['spec'] ?? {},
      metadata: { ...objectAt(template, 'metadata'), name: 'p', ownerReferences: [owner] },
    };
    expect(decideOn(pod, { engine })).toMatchObject({ kind: 'skipped', reason: 'status_newer' });
  });

  test.each([
    ['other settings are asked for', { 'svidecar.dev/audience': 'somebody-else' }],
    ['it is to be taken back', { 'svidecar.dev/inject': 'false' }],
  ])('is refused, so that nothing is lost, where %s', (_name, change) => {
    const decision = decideOn(withAnnotations(newer, change), { engine, before: newer });
    expect(decision).toMatchObject({ kind: 'refused', code: 'STATUS_NEWER' });
  });

  test('is understood where it only tells more', () => {
    const told = withStatus(deployment, (status) => ({ ...status, version: '9.0.0', note: 'so' }));
    expect(decideOn(told, { engine, before: told })).toMatchObject({ kind: 'unchanged' });
  });
});
