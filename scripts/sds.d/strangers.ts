/** Certificates that the scene must not trust, some of them signed by its own SPIRE, and a service that is not who it should be. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, sds } from './scene.ts';
import type { Pair } from './visitors.ts';

async function inFolder<T>(work: (path: string) => Promise<T>): Promise<T> {
  const path = mkdtempSync(join(tmpdir(), 'svidecar-sds-'));
  try {
    return await work(path);
  } finally {
    rmSync(path, { recursive: true });
  }
}

function pairIn(path: string, name: string): Pair {
  return {
    cert: readFileSync(join(path, `${name}.pem`), 'utf8'),
    key: readFileSync(join(path, 'key.pem'), 'utf8'),
  };
}

/** An X.509-SVID of the scene's own SPIRE for anyone, as its administrator may mint it. */
export function minted(spiffeId: string, lifeS = 60): Promise<Pair> {
  return inFolder(async (path) => {
    const wanted = ['-spiffeID', spiffeId, '-ttl', `${lifeS}s`, '-write', path];
    await sds(['spire-server', 'x509', 'mint', ...wanted]);
    return pairIn(path, 'svid');
  });
}

/** The same, signed by an authority that the scene has never heard of. */
export function foreign(spiffeId: string): Promise<Pair> {
  return inFolder(async (path) => {
    const at = (name: string): string => join(path, name);
    await selfMade(
      ['-keyout', at('ca.key'), '-out', at('ca.pem')],
      ['keyUsage=critical,keyCertSign'],
    );
    const signed = ['-CA', at('ca.pem'), '-CAkey', at('ca.key')];
    await selfMade(
      [...signed, '-keyout', at('key.pem'), '-out', at('svid.pem')],
      [
        'basicConstraints=critical,CA:FALSE',
        'keyUsage=critical,digitalSignature',
        `subjectAltName=URI:${spiffeId}`,
      ],
    );
    return pairIn(path, 'svid');
  });
}

async function selfMade(args: readonly string[], extensions: readonly string[]): Promise<void> {
  const keys = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const added = extensions.flatMap((each) => ['-addext', each]);
  const all = ['req', '-x509', '-days', '1', '-subj', '/O=SPIFFE', ...keys, ...args, ...added];
  const { code, output } = await run('openssl', all);
  if (code !== 0) throw new Error(`openssl: ${output}`);
}

/** Answers everything at a port with 200 while the work is done, as whoever the certificate says. */
export async function impersonate(
  port: number,
  pair: Pair,
  work: () => Promise<void>,
): Promise<void> {
  const server = createSecureServer(pair, (_request, response) => {
    response.end('answered by somebody else');
  });
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  try {
    await work();
  } finally {
    for (const session of sessions) session.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}
