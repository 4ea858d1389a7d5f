/** What the service reads and answers: the same shapes check requests and make its OpenAPI document. */
import * as z from 'zod';
import { banLengths } from '../../sidecar/config/ban-values.ts';
import { Problem } from './problem.ts';

const instant = z.iso.datetime({ offset: true }).meta({ description: 'RFC 3339' });
/** Ten years: a ban without an end has none at all. */
const mostSeconds = 315_360_000;

export const banBody = z
  .strictObject({
    until: instant.optional().meta({ description: 'End of the ban; absent: none' }),
    forSeconds: z
      .int()
      .min(1)
      .max(mostSeconds)
      .optional()
      .meta({ description: 'Its length from now, in place of until' }),
    issuedBefore: instant.optional().meta({
      description:
        'Only tokens with an earlier iat are meant ("sign out everywhere"). It stands beside a ban of all tokens, and never goes back',
    }),
    reason: z
      .string()
      .max(banLengths.reason)
      .optional()
      .meta({ description: 'For the access log of whoever refuses' }),
  })
  .refine(({ until, forSeconds }) => until === undefined || forSeconds === undefined, {
    error: 'must have until or forSeconds, not both',
  })
  .meta({ not: { required: ['until', 'forSeconds'] } });

export const listQuery = z.strictObject({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(1_000)
    .default(100)
    .meta({ description: 'Bans of a page' }),
  after: z
    .string()
    .regex(/^[A-Za-z0-9_-]{43}$/, 'must be what next of the page before says')
    .optional()
    .meta({ description: 'next of the page before' }),
  claim: z
    .string()
    .min(1)
    .max(banLengths.claim)
    .optional()
    .meta({ description: 'Only bans of this claim' }),
});

const oneBan = z.strictObject({
  claim: z.string(),
  value: z.string().optional().meta({ description: 'Absent where the store holds its hash' }),
  kind: z.enum(['all', 'before']),
  until: instant.optional(),
  issuedBefore: instant.optional(),
  reason: z.string().optional(),
  by: z.string().optional().meta({ description: 'Who banned' }),
  at: instant.optional().meta({ description: 'When' }),
});
export type AnsweredBan = z.infer<typeof oneBan>;
export const bansAnswer = z.strictObject({ bans: z.array(oneBan) });
export const listAnswer = z.strictObject({
  bans: z.array(oneBan),
  next: z
    .string()
    .optional()
    .meta({ description: 'after of the next page; absent: it was the last' }),
});
export const checkAnswer = z.strictObject({
  pass: z.boolean().meta({ description: 'false: banned' }),
});
/** Other parameters are ignored (Back-Channel Logout 1.0 §2.5). */
export const logoutForm = z.object({
  logout_token: z.string().meta({ description: 'A logout token of a configured provider' }),
});
export const logoutFault = z.strictObject({
  error: z.string(),
  error_description: z.string(),
});

/** What came, in a shape. @throws {Problem} */
export function shaped<Value>(
  schema: z.ZodType<Value>,
  value: unknown,
  code: 'body_invalid' | 'query_invalid',
): Value {
  // The schema library leaves this member out, and says nothing of it.
  if (typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__'))
    throw new Problem(code, keyNotKnown);
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  throw new Problem(code, read.error.issues.map(wordsOf).join('; '));
}

const keyNotKnown = 'it has a key that is not known';

/** Without the keys that were not known: a stranger wrote them. */
function wordsOf({ code, message, path }: z.core.$ZodIssue): string {
  if (code === 'unrecognized_keys') return keyNotKnown;
  return path.length === 0 ? message : `${path.join('.')}: ${message}`;
}
