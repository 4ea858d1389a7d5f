/** What a ban consists of, wherever it is kept. */
import * as z from 'zod';
import { banLengths, maxBannedLength } from './ban-values.ts';

/** RFC 3339, as Unix seconds. */
const instant = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text) / 1_000);
/** As people and services write them. */
export const banMembers = {
  claim: z.string().min(1).max(banLengths.claim),
  value: z.union([z.string().min(1).max(maxBannedLength), z.int()], {
    error: `must be a text of 1 to ${maxBannedLength} characters, or a whole number`,
  }),
  until: instant.optional(),
  issuedBefore: instant.optional(),
  reason: z.string().max(banLengths.reason).optional(),
  /** Who banned, and when (RFC 3339): for people who read the list. */
  by: z.string().max(banLengths.by).optional(),
  at: instant.optional(),
};
