/**
 * Settings as the webhook writes them, read without the schema and without YAML: both weigh more than all the rest of the
 * helper, and nearly every helper has such settings. Nothing is refused here: what is not surely right is left to the
 * schema, which alone says what is wrong. A property test holds the two together.
 * @see docs/adr/0150-usual-settings-are-read-without-the-schema.md
 */
import { dnsLabel } from '#kernel/dns-label.ts';
import { isArray, isObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import { logLevels } from '#kernel/observe.ts';
import {
  authorizations,
  canTakeUnnamed,
  dataPaths,
  haveOwnNames,
  hostPattern,
  isAudience,
  isCallerHeader,
  isCallerPattern,
  isPath,
  isSpiffeId,
  oneTakesUnnamed,
  ports,
  usualHealth,
  usualListen,
} from './settings-parts.ts';
import { settingsText } from './settings-text.ts';
import type { HelperSettings, Rule } from './settings.ts';

/** Undefined for what the schema must judge: other forms, rules that ban, and all that might be wrong. */
export function readUsualSettings(text: string): HelperSettings | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  // A key that stands twice, and whatever else JSON and YAML might read in two ways, is written otherwise.
  if (settingsText(value) !== text) return undefined;
  const read = settings(value);
  if (read === unsure || !oneTakesUnnamed(read.rules) || !canTakeUnnamed(read)) return undefined;
  return Object.freeze(read);
}

const unsure = Symbol('unsure');
/** Gets undefined for a member that is absent. */
type Reader<T> = (value: unknown) => T | typeof unsure;

function textThat(fits: (text: string) => boolean): Reader<string> {
  return (value) => (typeof value === 'string' && fits(value) ? value : unsure);
}

function oneOf<const T extends string | number>(values: readonly T[]): Reader<T> {
  return (value) => values.find((known) => known === value) ?? unsure;
}

function orAbsent<T>(reader: Reader<T>): Reader<T | undefined> {
  return (value) => (value === undefined ? undefined : reader(value));
}

function or<T>(usual: T, reader: Reader<T>): Reader<T> {
  return (value) => (value === undefined ? usual : reader(value));
}

function listOf<T>(reader: Reader<T>, least: number): Reader<T[]> {
  return (value) => {
    if (!isArray(value) || value.length < least) return unsure;
    const items: T[] = [];
    for (const item of value) {
      const read = reader(item);
      if (read === unsure) return unsure;
      items.push(read);
    }
    return items;
  };
}

/** An object with these members and no other. Those that are absent stay so. */
function objectOf<T extends object>(members: {
  readonly [Key in keyof T]-?: Reader<T[Key]>;
}): Reader<T> {
  // The keys of a mapped type over T are T's.
  const keys = Object.keys(members) as (keyof T & string)[];
  return (value) => {
    if (!isObject(value) || !Object.keys(value).every((key) => Object.hasOwn(members, key)))
      return unsure;
    const read: Partial<T> = {};
    for (const key of keys) {
      const member = members[key](own(value, key));
      if (member === unsure) return unsure;
      if (member !== undefined) read[key] = member;
    }
    // Each member was read by its own reader, and those of members that must be there do not take undefined.
    return read as T;
  };
}

const audience = textThat(isAudience);
const spiffeId = textThat(isSpiffeId);
const ruleName = textThat((text) => dnsLabel.test(text));
const port: Reader<number> = (value) =>
  typeof value === 'number' &&
  Number.isSafeInteger(value) &&
  value >= ports.least &&
  value <= ports.most
    ? value
    : unsure;
const anyText = textThat(() => true);
const flag: Reader<boolean> = (value) => (typeof value === 'boolean' ? value : unsure);

const audienceByHost: Reader<Record<string, string>> = (value) => {
  if (!isObject(value)) return unsure;
  const pairs: [string, string][] = [];
  for (const [host, given] of Object.entries(value)) {
    const read = audience(given);
    // Assigning to this one would set no member.
    if (host === '__proto__' || !hostPattern.test(host) || read === unsure) return unsure;
    pairs.push([host, read]);
  }
  return Object.fromEntries(pairs);
};

const injectRule = objectOf<Extract<Rule, { mode: 'inject' }>>({
  name: ruleName,
  mode: oneOf(['inject']),
  audience: orAbsent(audience),
  audienceByHost: orAbsent(audienceByHost),
  authorization: or('deny', oneOf(authorizations)),
  spiffeId: orAbsent(spiffeId),
});
const validateRule = objectOf<Extract<Rule, { mode: 'validate' }>>({
  name: ruleName,
  mode: oneOf(['validate']),
  audiences: listOf(audience, 1),
  allowCallers: orAbsent(listOf(textThat(isCallerPattern), 1)),
  skipPaths: orAbsent(listOf(textThat(isPath), 0)),
  callerHeader: orAbsent(textThat(isCallerHeader)),
  forwardToken: orAbsent(flag),
  takesUnnamed: orAbsent(flag),
});

const rule: Reader<Rule> = (value) => {
  const mode = isObject(value) ? value['mode'] : undefined;
  if (mode === 'inject') return injectRule(value);
  return mode === 'validate' ? validateRule(value) : unsure;
};

const rules: Reader<Rule[]> = (value) => {
  const read = listOf(rule, 1)(value);
  return read === unsure || !haveOwnNames(read) ? unsure : read;
};

const place = objectOf<{ host: string; port: number }>({
  host: or(usualListen.host, anyText),
  port,
});
const socket = objectOf<{ socket: string }>({ socket: textThat(isPath) });
const listen: Reader<HelperSettings['listen']> = (value) =>
  isObject(value) && Object.hasOwn(value, 'socket') ? socket(value) : place(value);

const settings = objectOf<HelperSettings>({
  version: oneOf([1]),
  workloadApi: orAbsent(anyText),
  listen: or({ ...usualListen }, listen),
  health: or(
    { ...usualHealth },
    objectOf<HelperSettings['health']>({ host: or(usualHealth.host, anyText), port }),
  ),
  dataPath: or('ext-authz', oneOf(dataPaths)),
  logLevel: or('info', oneOf(logLevels)),
  rules,
});
