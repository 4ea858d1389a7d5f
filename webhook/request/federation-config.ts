/** Keys of the configuration about other trust domains: where SPIRE's server gets their keys. */
import * as z from 'zod';
import { spiffeIdFault, trustDomainFault } from '#kernel/spiffe-id.ts';
import { addFault } from './add-fault.ts';
import { bundleFault } from './bundle-fault.ts';

/** Characters; a bundle with a dozen keys has a tenth of it. */
const maxBundle = 262_144;

/** The characters of RFC 3986 without user and fragment: SPIRE's server refuses others, or writes them anew. */
const endpointUrl =
  /^https:\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?([/?]([A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9a-fA-F]{2})*)?$/;

function isEndpoint(text: string): boolean {
  const url = endpointUrl.test(text) ? URL.parse(text) : null;
  return url !== null && url.port !== '0';
}

const relationship = z
  .strictObject({
    trustDomain: z
      .string()
      .refine((name) => trustDomainFault(name) === undefined, 'is not a trust domain name'),
    /** Where its bundle is published. */
    bundleEndpoint: z
      .string()
      .max(2_048)
      .refine(
        isEndpoint,
        'must be an https:// URL without user, password, fragment, backslash and spaces, as in https://spire.partner.example:8443',
      ),
    /** https_spiffe: the endpoint shows an X.509-SVID; https_web: a certificate of the web's authorities. */
    profile: z.enum(['https_spiffe', 'https_web']),
    /** SPIFFE ID of the endpoint, of any trust domain whose bundle SPIRE has; only with https_spiffe. */
    endpointSpiffeId: z
      .string()
      .refine((id) => spiffeIdFault(id) === undefined, 'is not a SPIFFE ID')
      .optional(),
    /** Its first bundle, a SPIFFE bundle document: https_spiffe cannot begin without, unless SPIRE has one. */
    bundle: z.string().max(maxBundle).superRefine(addFault(bundleFault)).optional(),
  })
  .refine(
    ({ profile, endpointSpiffeId }) =>
      (profile === 'https_spiffe') === (endpointSpiffeId !== undefined),
    'endpointSpiffeId is required with https_spiffe, and there only',
  );

/** Relationships of others, and those of SPIRE's own configuration, are left alone. */
export const federationSchema = z
  .array(relationship)
  .max(100)
  .superRefine((all, context) => {
    const names = all.map(({ trustDomain }) => trustDomain);
    for (const [index, name] of names.entries()) {
      if (names.indexOf(name) === index) continue;
      const message = `names ${name} a second time: keep one entry for each trust domain`;
      context.addIssue({ code: 'custom', path: [index, 'trustDomain'], message });
    }
  })
  .default([]);
