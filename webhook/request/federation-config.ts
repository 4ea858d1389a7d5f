/** Keys of the configuration about other trust domains: where SPIRE's server gets their keys. */
import * as z from 'zod';
import { isObject, listAt } from '#kernel/json.ts';
import { spiffeIdFault, trustDomainFault } from '#kernel/spiffe-id.ts';

/** Characters; a bundle with a dozen keys has a tenth of it. */
const maxBundle = 262_144;

function isHttpsUrl(text: string): boolean {
  const url = URL.parse(text);
  return (
    url?.protocol === 'https:' && url.username === '' && url.password === '' && url.hash === ''
  );
}

function isBundle(text: string): boolean {
  try {
    const document: unknown = JSON.parse(text);
    return isObject(document) && listAt(document, 'keys').length > 0;
  } catch {
    // Whatever is wrong with it, it is no bundle.
    return false;
  }
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
      .refine(isHttpsUrl, 'must be an https:// URL without user, password and fragment'),
    /** https_spiffe: the endpoint shows an X.509-SVID; https_web: a certificate of the web's authorities. */
    profile: z.enum(['https_spiffe', 'https_web']),
    /** SPIFFE ID of the endpoint; only with https_spiffe. */
    endpointSpiffeId: z
      .string()
      .refine((id) => spiffeIdFault(id) === undefined, 'is not a SPIFFE ID')
      .optional(),
    /** Its first bundle, a SPIFFE bundle document: https_spiffe cannot begin without. */
    bundle: z
      .string()
      .max(maxBundle)
      .refine(isBundle, 'must be the JSON text of a SPIFFE bundle, with keys')
      .optional(),
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
  .refine(
    (all) => new Set(all.map(({ trustDomain }) => trustDomain)).size === all.length,
    'must name each trust domain once',
  )
  .default([]);
