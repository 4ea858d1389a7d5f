/** The page on which an Envoy of Istio's says what it has from SDS. @see envoy.admin.v3.SecretsConfigDump */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { spiffeIdFault, trustDomainFault, trustDomainText } from '#kernel/spiffe-id.ts';
import {
  issuerOf,
  readCertificates,
  type CertificateView,
} from '../../certs/plan/certificate-view.ts';
import type { ProxySecrets } from './facts.ts';

/** Of Istio's proxy: private keys are left out of it by Envoy itself. */
export const secretsPath = '/config_dump?resource=dynamic_active_secrets';

/** Names under which Istio's proxies ask for them. */
const ownSecret = 'default';
const rootSecret = 'ROOTCA';
/** Of one page; whoever writes the pod can write the page too. */
const most = { secrets: 100, trustDomains: 200, certificates: 50, chars: 262_144 };

/** Undefined when it is some other page: a stranger may listen on that port. */
export function readProxySecrets(page: JsonObject): ProxySecrets | undefined {
  if (!Array.isArray(page['configs'])) return undefined;
  const secrets = listAt(page, 'configs').filter(isObject).slice(0, most.secrets);
  const named = (name: string): JsonObject =>
    objectAt(
      secrets.find((each) => each['name'] === name),
      'secret',
    );
  const chain = certificatesIn(
    objectAt(objectAt(named(ownSecret), 'tls_certificate'), 'certificate_chain'),
  );
  const roots = rootsIn(objectAt(named(rootSecret), 'validation_context'));
  const [leaf] = chain;
  const spiffeId = leaf === undefined ? undefined : spiffeIdOf(leaf);
  return {
    spiffeId,
    validUntilS: leaf?.notAfter,
    issuer: issuerBy(chain, { roots, spiffeId }),
    trustDomains: roots.kind === 'by_domain' ? [...roots.bundles.keys()] : [],
  };
}

/** PEM, as Envoy shows bytes and texts. @see envoy.config.core.v3.DataSource */
function certificatesIn(source: JsonObject): readonly CertificateView[] {
  const bytes = stringAt(source, 'inline_bytes')?.slice(0, most.chars);
  const text =
    bytes === undefined
      ? (stringAt(source, 'inline_string') ?? '').slice(0, most.chars)
      : Buffer.from(bytes, 'base64').toString('latin1');
  return readCertificates(text).slice(0, most.certificates);
}

function spiffeIdOf({ x509 }: CertificateView): string | undefined {
  const id = /(?:^|, )URI:(spiffe:\/\/[^\s,"]+)/.exec(x509.subjectAltName ?? '')?.[1];
  return id === undefined || spiffeIdFault(id) !== undefined ? undefined : id;
}

type Roots =
  /** SPIRE's agent: a bundle for each trust domain. */
  | {
      readonly kind: 'by_domain';
      readonly bundles: ReadonlyMap<string, readonly CertificateView[]>;
    }
  /** One for all, without a name. */
  | { readonly kind: 'unnamed' }
  | { readonly kind: 'none' };

function rootsIn(context: JsonObject): Roots {
  const validator = objectAt(objectAt(context, 'custom_validator_config'), 'typed_config');
  const domains = listAt(validator, 'trust_domains').filter(isObject).slice(0, most.trustDomains);
  const bundles = domains.flatMap((each) => {
    const name = stringAt(each, 'name') ?? '';
    const isName = trustDomainFault(name) === undefined;
    return isName ? [[name, certificatesIn(objectAt(each, 'trust_bundle'))] as const] : [];
  });
  if (bundles.length > 0) return { kind: 'by_domain', bundles: new Map(bundles) };
  const { trusted_ca: trusted } = context;
  return { kind: isObject(trusted) ? 'unnamed' : 'none' };
}

function issuerBy(
  chain: readonly CertificateView[],
  { roots, spiffeId }: { readonly roots: Roots; readonly spiffeId: string | undefined },
): ProxySecrets['issuer'] {
  const unknown = (reason: string): ProxySecrets['issuer'] => ({ kind: 'unknown', reason });
  if (spiffeId === undefined)
    return unknown(`its Envoy has no certificate with a SPIFFE ID under the name "${ownSecret}"`);
  if (roots.kind === 'none') return unknown(`its Envoy has nothing under the name "${rootSecret}"`);
  if (roots.kind === 'unnamed') return { kind: 'istiod' };
  const domain = trustDomainText(spiffeId);
  const bundle = roots.bundles.get(domain);
  if (bundle === undefined)
    return unknown(
      `its "${rootSecret}" has bundles by trust domain, as SPIRE's, but none of ${domain}`,
    );
  const isSigned = chain.some((each) => issuerOf(each, bundle) !== undefined);
  return isSigned
    ? { kind: 'spire' }
    : unknown(`its certificate is not signed by the bundle of ${domain} in its "${rootSecret}"`);
}
