/** The nine algorithms a JWT-SVID may be signed with. @see JWT-SVID §2.1, RFC 7518 §3.3–3.5 */
import { constants } from 'node:crypto';

export type Algorithm =
  'RS256' | 'RS384' | 'RS512' | 'ES256' | 'ES384' | 'ES512' | 'PS256' | 'PS384' | 'PS512';
export type Curve = 'P-256' | 'P-384' | 'P-521';

interface Common {
  /** Name of the digest for node:crypto. */
  readonly digest: 'sha256' | 'sha384' | 'sha512';
}
export interface RsaAlgorithm extends Common {
  readonly keyType: 'RSA';
  /** Options that node:crypto takes beside the key. */
  readonly padding: { readonly padding: number; readonly saltLength?: number };
}
export interface EcAlgorithm extends Common {
  readonly keyType: 'EC';
  readonly curve: Curve;
  /** R and S side by side, each as long as the curve's order (RFC 7518 §3.4). */
  readonly signatureBytes: number;
}
export type AlgorithmFacts = RsaAlgorithm | EcAlgorithm;

const pkcs1 = { padding: constants.RSA_PKCS1_PADDING };
/** The salt is as long as the digest (RFC 7518 §3.5): any other length is refused. */
const pss = {
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
};

export const algorithms: Readonly<Record<Algorithm, AlgorithmFacts>> = {
  RS256: { keyType: 'RSA', digest: 'sha256', padding: pkcs1 },
  RS384: { keyType: 'RSA', digest: 'sha384', padding: pkcs1 },
  RS512: { keyType: 'RSA', digest: 'sha512', padding: pkcs1 },
  ES256: { keyType: 'EC', digest: 'sha256', curve: 'P-256', signatureBytes: 64 },
  ES384: { keyType: 'EC', digest: 'sha384', curve: 'P-384', signatureBytes: 96 },
  ES512: { keyType: 'EC', digest: 'sha512', curve: 'P-521', signatureBytes: 132 },
  PS256: { keyType: 'RSA', digest: 'sha256', padding: pss },
  PS384: { keyType: 'RSA', digest: 'sha384', padding: pss },
  PS512: { keyType: 'RSA', digest: 'sha512', padding: pss },
};

export function isAlgorithm(name: unknown): name is Algorithm {
  return typeof name === 'string' && Object.hasOwn(algorithms, name);
}
