/** Keys of the configuration about registrations in SPIRE: whether we make them, what they say, and where SPIRE is. */
import * as z from 'zod';
import { spiffeIdFault } from '#kernel/spiffe-id.ts';
import { dnsLabel } from '#kernel/dns-label.ts';
import { addFault } from './add-fault.ts';
import { socketFault, spireAddressFault } from './spire-address.ts';

const spiffeId = z.string().refine((id) => spiffeIdFault(id) === undefined, 'is not a SPIFFE ID');
/** @see Kubernetes qualified names */
const labelKey = z
  .string()
  .regex(
    /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?$/,
    'must be the key of a label',
  );
/** SPIRE keeps seconds in 32 bits; a year is more than any SVID lives. */
const ttlSeconds = z.int().min(0).max(31_536_000).default(0);
const mustBeSocket = 'must be unix:///path/of/a/socket';
const socketUri = /^unix:\/\/\/[^\s]+$/;

function workloadSocketFault(text: string): string | undefined {
  const fault = socketFault(text);
  return fault === undefined ? undefined : `${mustBeSocket}: ${fault}`;
}

/** none: nobody but people and other controllers; entries: we, through SPIRE's server API; clusterspiffeid: spire-controller-manager. */
export const registrationSchema = z.enum(['none', 'entries', 'clusterspiffeid']).default('none');

export const entriesSchema = z.strictObject({
  /** alias: one entry under `parentId`; agents: one under each agent that SPIRE knows. */
  parent: z.enum(['alias', 'agents']).default('alias'),
  /** Default: `spiffe://<trust domain>/ns/spire/sa/spire-agent`. */
  parentId: spiffeId.optional(),
  /** Keys of pod labels that select too. */
  podLabels: z.array(labelKey).max(16).default([]),
  /** Whether the helper's image selects too. */
  selectImage: z.boolean().default(false),
  /** Empty: none. */
  hint: z
    .string()
    .regex(/^[\x21-\x7e]{0,255}$/, 'must be at most 255 visible characters')
    .default(''),
  /** 0: SPIRE's own default. */
  x509SvidTtlSeconds: ttlSeconds,
  jwtSvidTtlSeconds: ttlSeconds,
  /** Whether a workload gets the SPIFFE ID that its own annotations name. */
  allowSpiffeIdAnnotation: z.boolean().default(false),
  /** Of this cluster, where several share one SPIRE server; empty: none does. */
  cluster: z.union([z.literal(''), z.string().regex(dnsLabel, 'must be a DNS label')]).default(''),
  /** Of ClusterSPIFFEID objects, where spire-controller-manager looks at one class only. */
  className: z
    .string()
    .regex(/^[A-Za-z0-9._-]{0,253}$/, 'must be the name of a class')
    .default(''),
  /** How long an entry stays that no workload wants any more. */
  graceSeconds: z.int().min(0).max(86_400).default(60),
});

/** What is wrong with a value of `entries`; undefined where nothing is. */
export function entriesFault(
  key: 'className' | 'hint' | 'podLabels' | 'x509SvidTtlSeconds',
  value: unknown,
): string | undefined {
  const { error } = entriesSchema.shape[key].safeParse(value);
  return error?.issues[0]?.message;
}

export const spireSchema = z.strictObject({
  /** The server's API: its Unix socket, or host and port (then by mTLS with an admin X.509-SVID). */
  server: z
    .string()
    .superRefine(addFault(spireAddressFault))
    .default('unix:///run/spire-server/api.sock'),
  /** Where that X.509-SVID comes from; not looked at with a Unix socket. */
  workloadApi: z
    .string()
    .regex(socketUri, { error: mustBeSocket, abort: true })
    .superRefine(addFault(workloadSocketFault))
    .default('unix:///spiffe-workload-api/spire-agent.sock'),
  /** Between looks at all that SPIRE has: it tells nobody of changes. */
  pollSeconds: z.int().min(1).max(3_600).default(10),
});
