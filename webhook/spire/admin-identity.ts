/** The X.509-SVID with which SPIRE's server is asked, and what its certificate must say in return. */
import { createPrivateKey } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import { credentials, type ChannelCredentials } from '@grpc/grpc-js';
import { trustDomainText } from '#kernel/spiffe-id.ts';
import { splitDer } from '../../certs/der.ts';
import type { X509Svid } from '../../sidecar/workload-api/api.ts';

/** Which of several SVIDs is the administrator's, when nobody says: one with this hint, or else the first. */
const adminHint = 'svidecar-admin';

export function chooseSvid(
  svids: readonly X509Svid[],
  spiffeId: string | undefined,
): X509Svid | undefined {
  if (spiffeId !== undefined) return svids.find((each) => each.spiffeId === spiffeId);
  return svids.find(({ hint }) => hint === adminHint) ?? svids[0];
}

/** Whether a channel with the one serves as one with the other would. */
export function isSameSvid(one: X509Svid, other: X509Svid): boolean {
  return one.certificates.equals(other.certificates) && one.bundle.equals(other.bundle);
}

/** SPIRE's server of the same trust domain. */
export function serverIdFor({ spiffeId }: X509Svid): string {
  return `spiffe://${trustDomainText(spiffeId)}/spire/server`;
}

/** @param wrongServer is told who answered instead @throws {TypeError} when the SVID cannot be read */
export function channelCredentials(
  svid: X509Svid,
  wrongServer: (who: string) => void,
): ChannelCredentials {
  const wanted = serverIdFor(svid);
  const key = createPrivateKey({ key: svid.privateKey, format: 'der', type: 'pkcs8' });
  return credentials.createSsl(
    pem(svid.bundle),
    Buffer.from(key.export({ format: 'pem', type: 'pkcs8' })),
    pem(svid.certificates),
    {
      checkServerIdentity: (_host: string, { subjectaltname = '' }: PeerCertificate) => {
        const ids = subjectaltname.split(', ').filter((each) => each.startsWith('URI:'));
        if (ids.length === 1 && ids[0] === `URI:${wanted}`) return undefined;
        const who = ids.map((each) => each.slice('URI:'.length)).join(', ') || 'nobody of SPIFFE';
        wrongServer(who);
        return new Error(`the certificate is of ${who}, not of ${wanted}`);
      },
    },
  );
}

function pem(der: Buffer): Buffer {
  const blocks = splitDer(der).map((each) => {
    const lines = each.toString('base64').replaceAll(/.{64}/g, '$&\n').trimEnd();
    return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
  });
  return Buffer.from(blocks.join(''));
}
