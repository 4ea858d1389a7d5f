/**
 * A Kubernetes object as a page may show it, by what its values are. Literal values stand where the API has places for
 * them: variables, commands, headers, annotations, attributes of volumes. Those are left out; names and references stay.
 */
import { isArray, isObject, type Json, type JsonObject } from '#kernel/json.ts';
import { own, setMember } from '#kernel/members.ts';
import { before } from '#kernel/text.ts';
import { shownAnnotations } from './shown-annotations.ts';
import { notShown, withoutSecrets } from './hide-secrets.ts';
import { isHarmlessHeader } from './sensitive-names.ts';
import { hiddenLeaves, shownEnvoy } from './shown-envoy.ts';

/** Without status, and without what only the server writes. Cost: O(n) */
export function shownObject(object: JsonObject): JsonObject {
  const { status, ...rest } = object;
  return shownMembers(rest);
}

/** Only the server writes these. */
const written: ReadonlySet<string> = new Set([
  'managedFields',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'selfLink',
]);

/** Members that may hold literal values, wherever they are: how they are shown. */
const places: ReadonlyMap<string, (value: Json) => Json> = new Map([
  ['metadata', shownMetadata],
  ['env', shownVariables],
  ['command', shownWords],
  ['args', shownWords],
  ['httpHeaders', shownHeaders],
  ['path', shownPath],
  // Of a CSI volume and of a flexVolume; a list of options is the DNS's.
  ['volumeAttributes', hiddenLeaves],
  ['options', (value: Json): Json => (isObject(value) ? hiddenLeaves(value) : shownValue(value))],
  ['data', hiddenLeaves],
  ['stringData', hiddenLeaves],
  ['binaryData', hiddenLeaves],
  // Of an EnvoyFilter.
  ['configPatches', shownEnvoy],
]);

function shownMembers(object: JsonObject): JsonObject {
  const shown: Record<string, Json> = {};
  for (const [key, value = null] of Object.entries(object))
    setMember(shown, key, (places.get(key) ?? shownValue)(value));
  return shown;
}

function shownValue(value: Json): Json {
  if (typeof value === 'string') return withoutSecrets(value);
  if (isArray(value)) return value.map(shownValue);
  return isObject(value) ? shownMembers(value) : value;
}

function shownMetadata(value: Json): Json {
  if (!isObject(value)) return shownValue(value);
  const shown: Record<string, Json> = {};
  for (const [key, member = null] of Object.entries(value)) {
    if (written.has(key)) continue;
    const isAnnotations = key === 'annotations' && isObject(member);
    setMember(shown, key, isAnnotations ? shownAnnotations(member) : shownLeaves(member));
  }
  return shown;
}

/** The helper's settings: svidecar makes them, and no secret is among them but what somebody wrote into an annotation. */
export function shownSettings(value: Json): Json {
  return shownLeaves(value);
}

/** Labels and the like: no key in it is a member of the API. */
function shownLeaves(value: Json): Json {
  if (typeof value === 'string') return withoutSecrets(value);
  if (isArray(value)) return value.map(shownLeaves);
  if (!isObject(value)) return value;
  const shown: Record<string, Json> = {};
  for (const [key, member = null] of Object.entries(value))
    setMember(shown, key, shownLeaves(member));
  return shown;
}

/** Variables that svidecar itself sets, to where a socket is. */
const shownVariableNames: ReadonlySet<string> = new Set(['SPIFFE_ENDPOINT_SOCKET']);

/** @see core/v1 EnvVar: a reference to a Secret says no value, and stays */
function shownVariables(value: Json): Json {
  return shownPairs(value, (name) => shownVariableNames.has(name));
}

/** @see core/v1 HTTPHeader */
function shownHeaders(value: Json): Json {
  return shownPairs(value, isHarmlessHeader);
}

function shownPairs(value: Json, isHarmless: (name: string) => boolean): Json {
  if (!isArray(value)) return shownValue(value);
  return value.map((pair) => {
    if (!isObject(pair)) return hiddenLeaves(pair);
    const name = own(pair, 'name');
    const isShown = typeof name === 'string' && isHarmless(name);
    const { value: literal, ...rest } = shownMembers(pair);
    if (literal === undefined) return rest;
    return { ...rest, value: isShown ? literal : hiddenLeaves(literal) };
  });
}

/** Of a probe: what is asked stands behind the question mark. A volume's paths have none. */
function shownPath(value: Json): Json {
  if (typeof value !== 'string') return shownValue(value);
  const path = before(value, '?');
  return withoutSecrets(path) + (path === value ? '' : `?${notShown}`);
}

/** A command, or its arguments: flags stay, and what is known to say nothing. @see core/v1 Container */
function shownWords(value: Json): Json {
  if (!isArray(value)) return shownValue(value);
  return value.map((word) => (typeof word === 'string' ? shownWord(word) : hiddenLeaves(word)));
}

/** Programs and flags of svidecar's and Envoy's containers, and shells. */
const harmlessWords: ReadonlySet<string> = new Set([
  '-config',
  'sh',
  'bash',
  '/bin/sh',
  '/bin/bash',
  'envoy',
  '/usr/local/bin/envoy',
]);
const shortFlag = /^-[A-Za-z]$/;
const longFlag = /^--[A-Za-z][\w.-]{0,63}$/;
const flagWithValue = /^(--[A-Za-z][\w.-]{0,63}=)[\s\S]/;
/** The configuration file of a program, by its path. */
const configFile = /^(?:\/[\w.-]{1,64}){1,16}$/;

function shownWord(word: string): string {
  if (harmlessWords.has(word) || shortFlag.test(word) || longFlag.test(word))
    return withoutSecrets(word);
  if (configFile.test(word) && /\.(?:ya?ml|json)$/.test(word)) return withoutSecrets(word);
  const flag = flagWithValue.exec(word)?.[1];
  return flag === undefined ? notShown : withoutSecrets(flag) + notShown;
}
