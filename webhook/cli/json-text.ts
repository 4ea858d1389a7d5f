/** Values as programs read them. */
import { printableLines } from '#kernel/text.ts';

/** JSON whose strings are escaped where they could do something to a terminal; it stands for the same value. */
export function jsonText(value: unknown): string {
  return `${printableLines(JSON.stringify(value, null, 2))}\n`;
}
