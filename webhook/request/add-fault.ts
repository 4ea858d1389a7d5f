/** A function that says what is wrong with a text, as a check of the schema library. */
import type * as z from 'zod';

/** @param faultOf undefined when nothing is wrong */
export function addFault(
  faultOf: (text: string) => string | undefined,
): (text: string, context: z.RefinementCtx) => void {
  return (text, context) => {
    const message = faultOf(text);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  };
}
