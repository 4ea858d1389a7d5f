/** How rules are called: an Envoy filter names its own in `svidecar-rule`. */
import * as z from 'zod';
import { dnsLabel } from '#kernel/dns-label.ts';

export const ruleName = z.string().regex(dnsLabel, 'must be a DNS label');
