/**
 * What kubectl, and so the API server, makes of a scalar without quotes: booleans and octal numbers of YAML 1.1, and numbers with
 * underscores. Helm prints such as they stand in a template: `defaultMode: 0400` is 256.
 * @see https://github.com/kubernetes-sigs/yaml (goyaml.v2/resolve.go); each row of its test was tried with kubectl
 */
import type { Scalar } from 'yaml';
import type { Json } from '#kernel/json.ts';
import { coreScalar } from './core-scalar.ts';

const words: ReadonlyMap<string, boolean> = new Map([
  ...['y', 'Y', 'yes', 'Yes', 'YES', 'on', 'On', 'ON'].map((word) => [word, true] as const),
  ...['n', 'N', 'no', 'No', 'NO', 'off', 'Off', 'OFF'].map((word) => [word, false] as const),
]);
/** Longer ones, and what begins otherwise, are the same to all readers. */
const mayDiffer = /^(?:[-+.\d]|[yYnNoO][a-zA-Z]{0,2}$)/;
const integer = /^([-+]?)(?:0b([01]+)|0o?([0-7]+)|0x([\da-f]+))$/i;
const float = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:e[-+]?\d+)?$/i;
/** Above, an octal is read as a decimal number. */
const maxInteger = 2n ** 64n - 1n;

export function kubernetesScalar(text: string): Json {
  if (!mayDiffer.test(text)) return coreScalar(text);
  const plain = text.replaceAll('_', '');
  return words.get(text) ?? integerOf(plain) ?? floatOf(plain) ?? coreScalar(text);
}

/** Of a node of the parser. @param isPlain without quotes; a tag says what it is as well */
export function kubernetesValue(node: Scalar | undefined, isPlain: boolean): Json {
  if (isPlain && node?.tag === undefined && node?.source !== undefined)
    return kubernetesScalar(node.source);
  // The core schema gives JSON scalars only.
  return (node?.value ?? null) as Json;
}

function integerOf(text: string): number | undefined {
  const [, sign = '', binary, octal, hexadecimal] = integer.exec(text) ?? [];
  const digits = binary ?? octal ?? hexadecimal;
  if (digits === undefined) return undefined;
  const prefix = binary === undefined ? (octal === undefined ? '0x' : '0o') : '0b';
  const size = BigInt(`${prefix}${digits}`);
  if (size > maxInteger) return undefined;
  return sign === '-' ? -Number(size) : Number(size);
}

function floatOf(text: string): number | undefined {
  return float.test(text) ? Number(text) : undefined;
}
