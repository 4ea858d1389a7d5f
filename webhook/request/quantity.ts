/**
 * Kubernetes quantities of CPU and memory, without the forms that nobody writes for a sidecar.
 * @see Kubernetes resource.Quantity
 */

import { own } from '#kernel/members.ts';
import type { Json } from '#kernel/json.ts';

/** Cores, whole or in parts, or thousandths of one. */
export const cpuPattern = /^(\d+(\.\d{1,3})?|\d+m)$/;
/** Bytes; `m` is left out on purpose: 128m would be an eighth of a byte. */
export const memoryPattern = /^\d+(\.\d+)?(k|M|G|T|Ki|Mi|Gi|Ti)?$/;
export const cpuForms = 'an amount of CPU such as 50m or 0.5';
export const memoryForms = 'an amount of memory such as 64Mi';

const factors: Readonly<Record<string, number>> = {
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** Cores or bytes of a string that matches one of the patterns. */
export function amountOf(text: string): number {
  const number = Number.parseFloat(text);
  return number * (own(factors, text.replace(/^[\d.]+/, '')) ?? 1);
}

const anyQuantity = /^\+?(\d{0,40})(?:\.(\d{0,40}))?([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d{1,2})?$/;
const decimal = 'num kMGTPE';
const binary = ' KMGTPE';
const nano = 9;

/**
 * Billionths of any quantity that Kubernetes reads, rounded up as it does; undefined for anything else.
 * Exact, so that a sum of many is compared as the API server compares it.
 */
export function nanosOf(value: Json | undefined): bigint | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  const match = typeof text === 'string' ? anyQuantity.exec(text) : null;
  if (match === null) return undefined;
  const [, whole = '', fraction = '', suffix = ''] = match;
  if (whole + fraction === '') return undefined;
  const digits = BigInt(whole + fraction) * 1024n ** BigInt(binaryOf(suffix));
  return shifted(digits, powerOf(suffix) + nano - fraction.length);
}

function binaryOf(suffix: string): number {
  return suffix.endsWith('i') ? binary.indexOf(suffix.charAt(0)) : 0;
}

/** The power of ten that a suffix stands for. */
function powerOf(suffix: string): number {
  if (suffix === '' || suffix.endsWith('i')) return 0;
  if (suffix.length > 1) return Number(suffix.slice(1));
  return (decimal.indexOf(suffix) - decimal.indexOf(' ')) * 3;
}

/** `value × 10^power`, rounded up. */
function shifted(value: bigint, power: number): bigint {
  if (power >= 0) return value * 10n ** BigInt(power);
  const divisor = 10n ** BigInt(-power);
  return (value + divisor - 1n) / divisor;
}
