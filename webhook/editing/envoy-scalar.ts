/**
 * What Envoy makes of a scalar: its YAML reader knows YAML 1.1's booleans, octal and hexadecimal numbers, and keeps
 * decimal fractions as strings. The integration test `envoy-reader` checks the real one.
 */
import type { Json } from '#kernel/json.ts';
import { TextFault } from './text-fault.ts';

const nothing = /^(?:~|null|Null|NULL|)$/;
const truthy = /^(?:y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON)$/;
const falsy = /^(?:n|N|no|No|NO|false|False|FALSE|off|Off|OFF)$/;
const integer = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0([0-7]*)|([1-9][0-9]*))$/;
const minInt32 = -(2 ** 31);
const maxInt32 = 2 ** 31 - 1;
const minInt64 = -(2n ** 63n);
const maxInt64 = 2n ** 63n - 1n;
/** Longer ones are beyond 64 bits in any base, but for leading zeros, which stay text here and are refused by Envoy. */
const maxDigits = 64;

/** A scalar without quotes. */
export function envoyPlain(text: string): Json {
  return nothing.test(text) ? null : envoyValue(text);
}

/** Null means no match: the value of a scalar with a tag, or in a list of words. */
export function envoyValue(text: string): Exclude<Json, null> {
  if (truthy.test(text)) return true;
  if (falsy.test(text)) return false;
  const whole = text.length > maxDigits ? undefined : wholeNumber(text);
  if (whole === undefined) return text;
  return whole >= minInt32 && whole <= maxInt32 ? Number(whole) : String(whole);
}

function wholeNumber(text: string): bigint | undefined {
  const [, sign, hex, octal, decimal] = integer.exec(text) ?? [];
  if (sign === undefined) return undefined;
  const size = BigInt(
    hex === undefined ? (decimal ?? `0o${octal === '' ? '0' : octal}`) : `0x${hex}`,
  );
  const value = sign === '-' ? -size : size;
  return value >= minInt64 && value <= maxInt64 ? value : undefined;
}

/** The value that Envoy reads where this one is written. */
export function asEnvoyReads(value: Json): Json {
  if (typeof value !== 'number') return value;
  const isSmall = Number.isInteger(value) && value >= minInt32 && value <= maxInt32;
  return isSmall ? value : String(value);
}

const kinds: ReadonlyMap<string, string> = new Map([
  ['str', 'string'],
  ['int', 'number'],
  ['bool', 'boolean'],
]);
const coreTag = 'tag:yaml.org,2002:';

/**
 * Envoy ignores most tags, and reads quoted text as a number under some.
 * @throws {TextFault} where a tag says anything but what the value is without it
 */
export function requireEnvoyTag(tag: string | undefined, node: TaggedNode): void {
  if (tag === undefined) return;
  const kind = tag.startsWith(coreTag) ? tag.slice(coreTag.length) : '';
  const isPlain =
    node.text === undefined ? kind === node.kind : kinds.get(kind) === typeof envoyValue(node.text);
  if (isPlain && !node.isKey) return;
  throw new TextFault(
    node.offset,
    'a tag, which Envoy reads differently from other readers; remove the tag, and quote what is a string',
    'tag_refused',
  );
}

/** What Envoy leaves out, written as its documentation has it: a key for anchors. @param props the tokens before the key */
export function isLeftOut(
  tag: string | undefined,
  props: readonly { readonly source: string }[],
): boolean {
  return tag === '!ignore' && props.some(({ source }) => source === tag);
}

interface TaggedNode {
  readonly offset: number;
  readonly kind: 'map' | 'seq' | 'scalar';
  /** Of a scalar. */
  readonly text: string | undefined;
  readonly isKey: boolean;
}

/** A no-break space and a next line: Envoy's reader turns them into single bytes, which are not valid text. */
function hasBrokenEscape(source: string): boolean {
  if (!source.startsWith('"')) return false;
  for (let at = source.indexOf('\\'); at !== -1; at = source.indexOf('\\', at + 2)) {
    const escaped = source[at + 1];
    if (escaped === '_' || escaped === 'N') return true;
  }
  return false;
}

/** @param source as it stands in the text @throws {TextFault} for the few forms that Envoy reads differently */
export function requireEnvoyForm(source: string, offset: number): void {
  const isFoldedAndKept = /^>\d?\+/.test(source);
  if (!isFoldedAndKept && !hasBrokenEscape(source)) return;
  const what = isFoldedAndKept
    ? 'a folded scalar that keeps its final line breaks (>+)'
    : 'an escape (\\_ or \\N)';
  throw new TextFault(
    offset,
    `${what}, which Envoy reads differently; write it in another way`,
    'read_differently',
  );
}

/** @throws {TextFault} always */
export function refuseMerge(offset: number): never {
  throw new TextFault(
    offset,
    'a merge key (<<), which Envoy does not merge but takes for a field of that name; write out what it brings',
    'merge_key_refused',
  );
}
