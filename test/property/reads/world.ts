/**
 * A cluster as small as a container needs it: ConfigMaps, Secrets, and how the kubelet makes environments and files of them. Written
 * from the kubelet's rules and nothing of ours; files are really there, each with a text that says where it comes from.
 */
import { cpSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';

export type Contents = Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface World {
  /** Name → key → text. */
  readonly configMaps: Contents;
  readonly secrets: Contents;
}

/** The kubelet would not start the container. */
export class NotStarted extends Error {}

const known = (name: string, kind: string, key: string): string => `${kind}/${name}/${key}`;

/** Each key's text says which key it is. */
function marked(kind: string, keys: Readonly<Record<string, readonly string[]>>): Contents {
  const entries = Object.entries(keys).map(([name, list]) => [
    name,
    Object.fromEntries(list.map((key) => [key, known(name, kind, key)])),
  ]);
  return Object.fromEntries(entries) as Contents;
}

export const world: World = {
  configMaps: {
    ...marked('configmap', {
      source: ['envoy.yaml', 'a.yaml', 'b.yaml'],
      second: ['envoy.yaml', 'c.yaml'],
      bytes: ['envoy.yaml', 'a.yaml'],
      flags: ['flags.txt'],
    }),
    settings: { CONF: 'b.yaml', ROLE: 'b', FILE: '/x' },
  },
  secrets: { ...marked('secret', { hidden: ['envoy.yaml', 'a.yaml'] }), keys: { CONF: 'a.yaml' } },
};

/** `$(NAME)` as Kubernetes' expansion has it, and names that were not there. */
export function expand(text: string, values: ReadonlyMap<string, string>): [string, boolean] {
  let out = '';
  let isWhole = true;
  for (let at = 0; at < text.length; at += 1) {
    const rest = text.slice(at);
    const reference = /^\$\(([^)]*)\)/.exec(rest);
    if (rest.startsWith('$$')) {
      out += '$';
      at += 1;
    } else if (reference === null) out += text.charAt(at);
    else {
      const value = values.get(reference[1] ?? '');
      isWhole &&= value !== undefined;
      out += value ?? reference[0];
      at += reference[0].length - 1;
    }
  }
  return [out, isWhole];
}

export function environmentIn(
  container: JsonObject,
  { configMaps, secrets }: World,
): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const from of listAt(container, 'envFrom').filter(isObject))
    for (const [key, value] of Object.entries(
      configMaps[textAt(objectAt(from, 'configMapRef'), 'name')] ?? {},
    ))
      values.set(key, value);
  for (const variable of listAt(container, 'env').filter(isObject)) {
    const literal = expand(textAt(variable, 'value'), values)[0];
    const value = referred(objectAt(variable, 'valueFrom'), { configMaps, secrets });
    values.set(textAt(variable, 'name'), value ?? literal);
  }
  return values;
}

function referred(from: JsonObject, { configMaps, secrets }: World): string | undefined {
  if (from['fieldRef'] !== undefined) return 'a';
  const of = (member: string, contents: Contents): string | undefined => {
    const reference = objectAt(from, member);
    return contents[textAt(reference, 'name')]?.[textAt(reference, 'key')];
  };
  return of('configMapKeyRef', configMaps) ?? of('secretKeyRef', secrets);
}

function textAt(object: JsonObject, member: string): string {
  return stringAt(object, member) ?? '';
}

type Payload = Map<string, string>;

/** What a volume made of a ConfigMap or Secret holds. */
function payloadOf(source: JsonObject, name: string, contents: Contents): Payload {
  const keys = contents[name];
  const isOptional = source['optional'] === true;
  if (keys === undefined && !isOptional) throw new NotStarted(`${name} is not there`);
  const items = listAt(source, 'items').filter(isObject);
  if (items.length === 0) return new Map(Object.entries(keys ?? {}));
  const payload: Payload = new Map();
  for (const item of items) {
    const text = keys?.[textAt(item, 'key')];
    if (text !== undefined) payload.set(textAt(item, 'path'), text);
    else if (!isOptional) throw new NotStarted(`${name} lacks a key`);
  }
  return payload;
}

function filesOf(volume: JsonObject, { configMaps, secrets }: World): Payload {
  const configMap = objectAt(volume, 'configMap');
  const secret = objectAt(volume, 'secret');
  if (volume['configMap'] !== undefined)
    return payloadOf(configMap, textAt(configMap, 'name'), configMaps);
  if (volume['secret'] !== undefined)
    return payloadOf(secret, textAt(secret, 'secretName') + textAt(secret, 'name'), secrets);
  if (volume['downwardAPI'] !== undefined) return new Map([['envoy.yaml', 'downward']]);
  if (volume['projected'] !== undefined) {
    const files: Payload = new Map();
    for (const source of listAt(objectAt(volume, 'projected'), 'sources').filter(isObject))
      for (const [path, text] of filesOf(source, { configMaps, secrets })) files.set(path, text);
    return files;
  }
  return new Map(
    (volume['hostPath'] === undefined ? [] : ['envoy.yaml', 'a.yaml']).map((path) => [
      path,
      'host',
    ]),
  );
}

/** Makes the container's files below `root`: those of the image, and its mounts over them, deeper ones later. */
export function makeFiles(
  root: string,
  { spec, container, world: around }: { spec: JsonObject; container: JsonObject; world: World },
): void {
  const values = environmentIn(container, around);
  const mounts = listAt(container, 'volumeMounts').filter(isObject);
  const depth = (mount: JsonObject): number =>
    (stringAt(mount, 'mountPath') ?? '').split('/').filter((name) => name !== '').length;
  for (const mount of mounts.toSorted((left, right) => depth(left) - depth(right))) {
    const volume = listAt(spec, 'volumes')
      .filter(isObject)
      .find(({ name }) => name === mount['name']);
    if (volume === undefined) throw new NotStarted('no such volume');
    const made = join(root, '.volumes', stringAt(volume, 'name') ?? '');
    rmSync(made, { recursive: true, force: true });
    mkdirSync(made, { recursive: true });
    for (const [path, text] of filesOf(volume, around)) write(join(made, path), text);
    const [expanded, isWhole] = expand(stringAt(mount, 'subPathExpr') ?? '', values);
    if (!isWhole) throw new NotStarted('a sub-path is not whole');
    const inside = join(made, expanded === '' ? (stringAt(mount, 'subPath') ?? '') : expanded);
    lay(inside, inRoot(root, stringAt(mount, 'mountPath') ?? ''));
  }
}

export function inRoot(root: string, path: string): string {
  return path === root || path.startsWith(`${root}/`) ? path : join(root, path);
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function lay(source: string, target: string): void {
  // What is not there the kubelet makes as a folder.
  if (!existsSync(source)) mkdirSync(source, { recursive: true });
  rmSync(target, { recursive: true, force: true });
  mkdirSync(dirname(target), { recursive: true });
  cpSync(source, target, { recursive: statSync(source).isDirectory() });
}
