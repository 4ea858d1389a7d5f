/** Makes the webhook's first certificate: a self-signed CA whose key is thrown away, one leaf, and a kustomize overlay. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import * as x509 from '@peculiar/x509';

const { values, positionals } = parseArgs({
  options: { days: { type: 'string', default: '365' } },
  allowPositionals: true,
});
const folder = positionals[0] ?? 'manifests/kustomize/overlays/first-certificate';
const days = Number(values.days);
if (!Number.isInteger(days) || days < 1) throw new Error('--days takes a whole number from 1');

const base = 'manifests/kustomize/base';
const hookConfigurations = ['svidecar-workloads', 'svidecar-pods'];
/** What the API server calls: `<service>.<namespace>.svc`. */
const hosts = ['svidecar.svidecar.svc', 'svidecar.svidecar.svc.cluster.local'];
/** ECDSA: some managed API servers refuse Ed25519. */
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const minute = 60_000;
// Clocks differ a little.
const notBefore = new Date(Date.now() - 5 * minute);
const notAfter = new Date(Date.now() + days * 24 * 60 * minute);

x509.cryptoProvider.set(webcrypto);
const makeKeys = (): Promise<CryptoKeyPair> =>
  webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
type CryptoKeyPair = webcrypto.CryptoKeyPair;

const caKeys = await makeKeys();
const ca = await x509.X509CertificateGenerator.createSelfSigned({
  name: 'CN=svidecar webhook CA',
  keys: caKeys,
  signingAlgorithm: algorithm,
  notBefore,
  notAfter,
  extensions: [
    new x509.BasicConstraintsExtension(true, 0, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    await x509.SubjectKeyIdentifierExtension.create(caKeys.publicKey),
  ],
});
const leafKeys = await makeKeys();
const leaf = await x509.X509CertificateGenerator.create({
  subject: `CN=${hosts[0] ?? ''}`,
  issuer: ca.subject,
  publicKey: leafKeys.publicKey,
  signingKey: caKeys.privateKey,
  signingAlgorithm: algorithm,
  notBefore,
  notAfter,
  extensions: [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    new x509.SubjectAlternativeNameExtension(hosts.map((value) => ({ type: 'dns', value }))),
    await x509.AuthorityKeyIdentifierExtension.create(caKeys.publicKey),
  ],
});

const caPem = `${ca.toString('pem')}\n`;
const key = await webcrypto.subtle.exportKey('pkcs8', leafKeys.privateKey);
const patch = [
  {
    op: 'add',
    path: '/webhooks/0/clientConfig/caBundle',
    value: Buffer.from(caPem).toString('base64'),
  },
];
const kustomization = {
  apiVersion: 'kustomize.config.k8s.io/v1beta1',
  kind: 'Kustomization',
  namespace: 'svidecar',
  resources: [relative(folder, base)],
  // The webhook follows changes of the Secret; a new name would restart it instead.
  generatorOptions: { disableNameSuffixHash: true },
  secretGenerator: [
    { name: 'svidecar-tls', type: 'kubernetes.io/tls', files: ['tls.crt', 'tls.key'] },
  ],
  patches: hookConfigurations.map((name) => ({
    target: { kind: 'MutatingWebhookConfiguration', name },
    patch: JSON.stringify(patch),
  })),
};

await mkdir(folder, { recursive: true });
await writeFile(join(folder, 'ca.crt'), caPem);
await writeFile(join(folder, 'tls.crt'), `${leaf.toString('pem')}\n`);
await writeFile(join(folder, 'tls.key'), `${x509.PemConverter.encode(key, 'PRIVATE KEY')}\n`, {
  mode: 0o600,
});
await writeFile(join(folder, 'kustomization.yaml'), `${JSON.stringify(kustomization, null, 2)}\n`);
process.stdout.write(
  `certificate for ${hosts.join(', ')}, valid until ${notAfter.toISOString()}\n` +
    `install: kubectl apply -k ${folder}\n`,
);
