/**
 * Kubernetes quantities of CPU and memory, without the forms that nobody writes for a sidecar.
 * @see Kubernetes resource.Quantity
 */

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

/** Cores or bytes of a text that one of the patterns takes. */
export function amountOf(text: string): number {
  const number = Number.parseFloat(text);
  return number * (factors[text.replace(/^[\d.]+/, '')] ?? 1);
}
