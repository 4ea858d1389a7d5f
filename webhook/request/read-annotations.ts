/** Annotations as people write them → values with types. Every wrong value is refused with key, value and what is allowed. */
import { dnsLabel } from '#kernel/dns-label.ts';
import { own, setMember } from '#kernel/members.ts';
import { AppError } from '#kernel/errors.ts';
import { objectAt, stringAt, type Json, type JsonObject } from '#kernel/json.ts';
import { logLevels } from '#kernel/observe.ts';
import { spiffeIdFault, trustDomainFault, trustDomainNamed } from '#kernel/spiffe-id.ts';
import { maxSeparators, separatorsIn } from '../../sidecar/config/header-spellings.ts';
import { callerHeaderFault } from '../../sidecar/config/caller-header.ts';
import { callerPatternFault } from '../../sidecar/config/caller-pattern.ts';
import {
  annotationKey,
  injectKey,
  isOurs,
  settingKeys,
  statusKey,
  templatesKey,
  type SettingKey,
} from './metadata-keys.ts';
import type { InboundPort, Upstream } from '../proxy/proxy-plan.ts';
import { readInbound, readUpstreams, type PortsRead } from '../proxy/read-ports.ts';
import { banHostPattern, banTokenForms, banTokenPattern, isBanClaim } from './ban-forms.ts';
import { nearest } from '#kernel/nearest.ts';
import { cpuForms, cpuPattern, memoryForms, memoryPattern } from './quantity.ts';

/** Settings that were given, parsed. Lists are lists of strings; `audience-by-host` is an object. */
export type Settings = Readonly<Partial<Record<SettingKey, Json>>>;

export type Request =
  | { readonly kind: 'none' }
  /** One of our keys is there, but no template is asked for. */
  | { readonly kind: 'settings-only'; readonly keys: readonly string[] }
  | { readonly kind: 'opted-out' }
  | { readonly kind: 'templates'; readonly names: readonly string[]; readonly settings: Settings };

class Fault extends Error {}

function fail(allowed: string): never {
  throw new Fault(allowed);
}

function oneOf(...allowed: readonly string[]): (text: string) => string {
  return (text) => (allowed.includes(text) ? text : fail(`one of ${allowed.join(', ')}`));
}

function matching(pattern: RegExp, allowed: string): (text: string) => string {
  return (text) => (pattern.test(text) ? text : fail(allowed));
}

function items(text: string, what: string): readonly string[] {
  const list = text.split(',').map((item) => item.trim());
  return list.includes('') ? fail(`${what}, separated by commas and not empty`) : list;
}

function each(
  what: string,
  isValid: (item: string) => boolean,
): (text: string) => readonly string[] {
  return (text) => {
    const list = items(text, what);
    return list.every(isValid) ? [...new Set(list)] : fail(`${what}, separated by commas`);
  };
}

function atMost<Item>(
  most: number,
  read: (text: string) => readonly Item[],
): (text: string) => readonly Item[] {
  return (text) => {
    const list = read(text);
    return list.length <= most ? list : fail(`at most ${most} of them`);
  };
}

// RFC 7519 lets an audience be any string; one of visible characters keeps headers, logs and lists readable.
const audiencePattern = /^[\x21-\x2b\x2d-\x7e]{1,512}$/;
const audiences = each('audiences of at most 512 visible characters', (item) =>
  audiencePattern.test(item),
);
const hostName = '[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?';
const hostPattern = new RegExp(String.raw`^(?:\*\.${hostName}|${hostName}(?::\d{1,5})?)$`);
const cpu = matching(cpuPattern, cpuForms);
const memory = matching(memoryPattern, memoryForms);
const listeners = each('listener names, or *', (item) => item.length > 0);

const trustDomainNames = each(
  'names of trust domains such as partner.example',
  (item) => trustDomainFault(trustDomainNamed(item)) === undefined,
);

function audienceByHost(text: string): JsonObject {
  const allowed =
    'host=audience pairs separated by commas; a host may be host:port or *.suffix, and no host may be named twice';
  const pairs: Record<string, string> = {};
  for (const item of items(text, allowed)) {
    const equals = item.indexOf('=');
    const host = item.slice(0, Math.max(equals, 0)).trim().toLowerCase();
    const audience = item.slice(equals + 1).trim();
    if (!hostPattern.test(host) || !audiencePattern.test(audience) || Object.hasOwn(pairs, host))
      fail(allowed);
    setMember(pairs, host, audience);
  }
  return pairs;
}

function isSkipPath(item: string): boolean {
  return /^\/[^*?#\s]*\*?$/.test(item) && !/\/\/|\/\.\.?(\/|$)|%|\\|;/.test(item);
}

function callerHeader(text: string): string {
  const name = text.toLowerCase();
  if (!/^[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/.test(name)) return fail('an HTTP header name');
  const fault = callerHeaderFault(name);
  if (fault !== undefined) return fail(fault);
  return separatorsIn(name) <= maxSeparators
    ? name
    : fail(`an HTTP header name with at most ${maxSeparators} of "-", "_" and "."`);
}

function portsBy(
  read: (text: string) => PortsRead<readonly (InboundPort | Upstream)[]>,
): (text: string) => readonly JsonObject[] {
  return (text) => {
    const reading = read(text);
    return reading.kind === 'read'
      ? reading.value.map((item): JsonObject => ({ ...item }))
      : fail(reading.allowed);
  };
}

function isTrue(text: string): boolean {
  return oneOf(...truth)(text) === 'true';
}

const truth = ['true', 'false'] as const;

/** All values of the settings that have few. */
export const settingChoices: Readonly<Partial<Record<SettingKey, readonly string[]>>> = {
  'access-log': truth,
  authorization: ['deny', 'overwrite', 'keep'],
  'caller-metadata': truth,
  'data-path': ['ext-authz', 'native'],
  'forward-token': truth,
  'log-level': logLevels,
  'native-sidecar': ['auto', 'true', 'false'],
  socket: ['csi', 'hostPath'],
};

function choice(setting: SettingKey): (text: string) => string {
  return oneOf(...(settingChoices[setting] ?? []));
}

const parsers: Readonly<Record<SettingKey, (text: string) => Json>> = {
  'access-log': isTrue,
  'allow-callers': each(
    'SPIFFE IDs, prefixes such as spiffe://example.org/ns/shop/*, or trust domains such as spiffe://example.org',
    (item) => callerPatternFault(item) === undefined,
  ),
  audience: audiences,
  'audience-by-host': audienceByHost,
  authorization: choice('authorization'),
  'ban-claims': atMost(
    8,
    each('names of claims, or JSON pointers such as /realm/user', isBanClaim),
  ),
  'ban-hosts': atMost(
    64,
    each('hosts, exact or *.suffix, in lower case', (item) => banHostPattern.test(item)),
  ),
  'ban-store': matching(dnsLabel, 'the name of a store of the configuration'),
  'ban-token': matching(banTokenPattern, banTokenForms),
  'caller-header': callerHeader,
  'caller-metadata': isTrue,
  'cpu-limit': cpu,
  'cpu-request': cpu,
  'data-path': choice('data-path'),
  'envoy-config': matching(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\/[^/]+$/,
    '<volume>/<file>: a volume of the pod and a key of its ConfigMap',
  ),
  'envoy-container': matching(dnsLabel, 'the name of a container'),
  'federates-with': (text) => [...new Set(trustDomainNames(text).map(trustDomainNamed))],
  'forward-token': isTrue,
  image: matching(/^[^\s]{1,512}$/, 'an image reference'),
  inbound: portsBy(readInbound),
  'inject-audience': audiences,
  'inject-listeners': listeners,
  'log-level': choice('log-level'),
  'memory-limit': memory,
  'memory-request': memory,
  'native-sidecar': choice('native-sidecar'),
  'skip-paths': each('paths beginning with / in normal form, exact or ending in *', isSkipPath),
  socket: choice('socket'),
  'spiffe-id': (text) =>
    spiffeIdFault(text) === undefined ? text : fail(`a SPIFFE ID; ${spiffeIdFault(text) ?? ''}`),
  'trust-domain': (text) =>
    trustDomainFault(text) === undefined
      ? text
      : fail(`a trust domain name; ${trustDomainFault(text) ?? ''}`),
  upstreams: portsBy(readUpstreams),
  'validate-audience': audiences,
  'validate-before': each('names of HTTP filters', (item) => item.length > 0),
  'validate-listeners': listeners,
};

const settingByKey: ReadonlyMap<string, SettingKey> = new Map(
  settingKeys.map((setting) => [annotationKey(setting), setting]),
);
/** Keys that people write. */
export const writableKeys: readonly string[] = [...settingByKey.keys(), injectKey, templatesKey];
const knownKeys: readonly string[] = [...writableKeys, statusKey];

/** @throws {AppError} ANNOTATION_INVALID */
function parsed<Value>(key: string, text: string, parse: (text: string) => Value): Value {
  try {
    return parse(text.trim());
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault;
    throw new AppError(
      'ANNOTATION_INVALID',
      `annotation ${key}: "${shown(text)}" is not allowed; write ${fault.message}`,
      { cause: fault, facts: { key } },
    );
  }
}

function shown(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

/** Why a setting cannot have this value, and what it may be; undefined where it can. */
export function settingFault(setting: SettingKey, text: string): string | undefined {
  try {
    parsers[setting](text.trim());
    return undefined;
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault;
    return `write ${fault.message}`;
  }
}

function nameIn(key: string): string {
  return key.slice(key.indexOf('/') + 1);
}

/** @throws {AppError} ANNOTATION_UNKNOWN, with the nearest known key */
function refuseUnknown(key: string): never {
  // Only the part after the slash: with their long prefix all keys resemble each other.
  const name = nearest(nameIn(key), knownKeys.map(nameIn));
  const near = knownKeys.find((known) => nameIn(known) === name);
  throw new AppError(
    'ANNOTATION_UNKNOWN',
    near === undefined
      ? `annotation ${key} is unknown; known are ${knownKeys.join(', ')}`
      : `annotation ${key} is unknown; did you mean ${near}?`,
    { facts: { key } },
  );
}

/**
 * Reads what a pod template asks for.
 * @throws {AppError} ANNOTATION_UNKNOWN, ANNOTATION_INVALID
 */
export function readRequest(template: JsonObject): Request {
  const annotations = objectAt(objectAt(template, 'metadata'), 'annotations');
  const keys = Object.keys(annotations).filter((key) => isOurs(key) && key !== statusKey);
  if (keys.length === 0) return { kind: 'none' };
  for (const key of keys) refuseOtherTypes(key, own(annotations, key));
  if (isOptedOut(annotations)) return { kind: 'opted-out' };
  const settings: Partial<Record<SettingKey, Json>> = {};
  for (const key of keys) {
    const setting = settingByKey.get(key);
    if (setting !== undefined)
      settings[setting] = parsed(key, stringAt(annotations, key) ?? '', parsers[setting]);
    else if (!knownKeys.includes(key)) refuseUnknown(key);
  }
  const names = stringAt(annotations, templatesKey);
  if (names === undefined) return { kind: 'settings-only', keys };
  return { kind: 'templates', names: templateNames(names), settings };
}

const names = each('template names', (item) => item.length > 0);

/** @throws {AppError} ANNOTATION_INVALID */
function templateNames(text: string): readonly string[] {
  return parsed(templatesKey, text, names);
}

/** An annotation is a string: YAML's `false` is not one. @throws {AppError} ANNOTATION_INVALID */
function refuseOtherTypes(key: string, value: Json | undefined): void {
  if (typeof value === 'string') return;
  const isScalar = typeof value === 'number' || typeof value === 'boolean';
  const remedy = isScalar ? `put it in quotes: ${key}: "${String(value)}"` : 'put it in quotes';
  throw new AppError(
    'ANNOTATION_INVALID',
    `annotation ${key}: the value must be a string; ${remedy}`,
    { facts: { key } },
  );
}

/** Whether the pod template itself opts out; nothing is checked. */
export function asksForNothing(template: JsonObject): boolean {
  const annotations = objectAt(objectAt(template, 'metadata'), 'annotations');
  return (
    stringAt(annotations, injectKey)?.trim() === 'false' ||
    (stringAt(annotations, templatesKey) ?? '').trim() === ''
  );
}

/** @throws {AppError} ANNOTATION_INVALID for a value of the opt-out that is neither "true" nor "false" */
function isOptedOut(annotations: JsonObject): boolean {
  const inject = stringAt(annotations, injectKey)?.trim();
  if (inject !== undefined && inject !== 'true' && inject !== 'false') {
    throw new AppError(
      'ANNOTATION_INVALID',
      `annotation ${injectKey}: "${shown(inject)}" is not allowed; write "true" or "false"`,
      { facts: { key: injectKey } },
    );
  }
  return inject === 'false' || stringAt(annotations, templatesKey)?.trim() === '';
}
