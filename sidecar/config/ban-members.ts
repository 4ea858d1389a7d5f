/** What a ban consists of, wherever it is kept. */
import * as z from 'zod';
import { maxBannedLength } from './ban-values.ts';

/** RFC 3339, as Unix seconds. */
const instant = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text) / 1_000);
/** As people and services write them. */
export const banMembers = {
  claim: z.string().min(1).max(256),
  value: z.union([z.string().min(1).max(maxBannedLength), z.int()], {
    error: `must be a text of 1 to ${maxBannedLength} characters, or a whole number`,
  }),
  until: instant.optional(),
  issuedBefore: instant.optional(),
  reason: z.string().max(256).optional(),
  /** Who banned, and when (RFC 3339): for people who read the list. */
  by: z.string().max(2_048).optional(),
  at: instant.optional(),
};
