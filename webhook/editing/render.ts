/** Renders new values as text in a given style. Lines carry no line break and no base indentation. */
import { type Json, type JsonObject, isArray } from '#kernel/json.ts';
import type { TextStyle } from './text-style.ts';
import { doubleQuoted, isScalarValue, yamlScalar } from './write-scalar.ts';

/** A value that can only be one line in block style. */
export function isInline(value: Json): boolean {
  return isScalarValue(value) || sizeOf(value) === 0;
}

/** `key: value` in block style; further lines are indented relative to the key. */
export function pairLines(key: string, value: Json, style: TextStyle): readonly string[] {
  const name = yamlScalar(key);
  if (isInline(value)) return [`${name}: ${inlineText(value, style)}`];
  return [`${name}:`, ...indented(blockLines(value, style), deeper(value, style))];
}

/** Columns by which a block value is indented from its key. */
export function deeper(value: Json, style: TextStyle): number {
  return isArray(value) ? style.listStep : style.step;
}

/** `- value` in block style; further lines are indented relative to the dash. */
export function itemLines(value: Json, style: TextStyle, gap = 1): readonly string[] {
  const [first = '', ...rest] = blockLines(value, style);
  return [`-${' '.repeat(gap)}${first}`, ...indented(rest, 1 + gap)];
}

/** A value in block style: one line for scalars and empty collections. */
export function blockLines(value: Json, style: TextStyle): readonly string[] {
  if (isInline(value)) return [inlineText(value, style)];
  if (isArray(value)) return value.flatMap((item) => itemLines(item, style));
  return pairsOf(value).flatMap(([key, item]) => pairLines(key, item, style));
}

/** A scalar or an empty collection in block style. */
function inlineText(value: Json, style: TextStyle): string {
  return isScalarValue(value) ? yamlScalar(value) : flowText(value, style);
}

/** A value on one line. */
export function flowText(value: Json, style: TextStyle): string {
  if (isScalarValue(value)) return flowScalar(value, style);
  if (sizeOf(value) === 0) return isArray(value) ? '[]' : '{}';
  if (isArray(value)) return `[${value.map((item) => flowText(item, style)).join(style.comma)}]`;
  const pairs = pairsOf(value).map(([key, item]) => flowPair(key, item, style));
  return `{${style.padding}${pairs.join(style.comma)}${style.padding}}`;
}

/** `key: value` on one line. */
export function flowPair(key: string, value: Json, style: TextStyle): string {
  return `${flowScalar(key, style)}${style.colon}${flowText(value, style)}`;
}

/** A value over several lines inside a pretty flow document; `indent` is what its last line begins with. */
export function prettyText(value: Json, style: TextStyle, indent: string): string {
  if (isInline(value)) return flowText(value, style);
  const inner = indent + style.unit;
  const parts = isArray(value)
    ? value.map((item) => prettyText(item, style, inner))
    : pairsOf(value).map(([key, item]) => prettyPair({ key, value: item }, style, inner));
  const [open, close] = isArray(value) ? '[]' : '{}';
  const { lineBreak } = style;
  return `${open}${lineBreak}${inner}${parts.join(`,${lineBreak}${inner}`)}${lineBreak}${indent}${close}`;
}

/** `key: value` over several lines inside a pretty flow document. */
export function prettyPair(
  pair: { readonly key: string; readonly value: Json },
  style: TextStyle,
  indent: string,
): string {
  return `${flowScalar(pair.key, style)}${style.colon}${prettyText(pair.value, style, indent)}`;
}

function flowScalar(value: string | number | boolean | null, style: TextStyle): string {
  if (style.isJson) return JSON.stringify(value);
  // A colon inside a plain scalar of a flow collection is read differently by different parsers.
  if (typeof value === 'string' && value.includes(':')) return doubleQuoted(value);
  return yamlScalar(value);
}

function indented(lines: readonly string[], columns: number): readonly string[] {
  return lines.map((line) => `${' '.repeat(columns)}${line}`);
}

function sizeOf(value: Json): number {
  if (isScalarValue(value)) return 1;
  return isArray(value) ? value.length : pairsOf(value).length;
}

function pairsOf(value: Json): readonly (readonly [string, Json])[] {
  if (isScalarValue(value) || isArray(value)) return [];
  return definedPairs(value);
}

/** Pairs with a value: undefined means absent, as in JSON.stringify. */
function definedPairs(value: JsonObject): readonly (readonly [string, Json])[] {
  return Object.entries(value).flatMap(([key, item]) => (item === undefined ? [] : [[key, item]]));
}
