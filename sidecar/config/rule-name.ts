/** How rules are called: an Envoy filter names its own in `svidecar-rule`. */
import * as z from 'zod';

export const ruleName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be a DNS label');
