/** The webhook in this process, with a certificate from files and no API server: what it says does not depend on one. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { serve, type ServeOptions, type Serving } from '../../../webhook/serve.ts';
import { makeServingPair } from '../../fakes/serving-pair.ts';
import { freePort } from './free-port.ts';

/** @param folder for the certificate */
export async function serveAlone(
  folder: string,
  options: Pick<ServeOptions, 'files' | 'log' | 'deprecations'>,
): Promise<Serving> {
  const pair = await makeServingPair();
  writeFileSync(join(folder, 'tls.crt'), pair.certificate);
  writeFileSync(join(folder, 'tls.key'), pair.key);
  return serve({
    ...options,
    certificate: {
      settings: { kind: 'files', folder },
      service: 'svidecar',
      identity: 'svidecar-1',
    },
    host: '127.0.0.1',
    port: 0,
    // Nobody answers there.
    target: { kind: 'explicit', url: `http://127.0.0.1:${await freePort()}` },
    namespace: 'svidecar',
    clock: { now: () => Date.now() },
    limits: { drainMs: 0, closeMs: 100 },
  });
}
