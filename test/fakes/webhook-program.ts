/**
 * The webhook as a process of its own, with certificates that live shorter than the command line allows.
 * `webhook-program.ts OPTIONS-AS-JSON`; serves until SIGTERM.
 */
import { helperVersion } from '../../sidecar/helper/version.ts';
import { join } from 'node:path';
import type { CertificateOptions } from '../../webhook/serve-certificate.ts';
import { serve } from '../../webhook/serve.ts';
import type { Limits } from '../../webhook/server/limits.ts';
import { createLog } from '../../webhook/server/log.ts';

interface Given {
  readonly kubeconfig: string;
  readonly port: number;
  readonly certificate: CertificateOptions;
  /** File of the injector's configuration. */
  readonly config?: string;
  readonly revision?: string;
  /** Its own. */
  readonly namespace?: string;
  readonly limits: Partial<Limits>;
}

// Our own argument, written by a test.
const given = JSON.parse(process.argv[2] ?? '') as Given;
const { kubeconfig, port, certificate, config, revision, namespace = 'svidecar', limits } = given;
const serving = await serve({
  files: {
    templates: join(import.meta.dirname, '../../templates'),
    config,
    version: helperVersion,
  },
  certificate,
  host: '127.0.0.1',
  port,
  target: { kind: 'kubeconfig', path: kubeconfig },
  namespace,
  revision,
  clock: { now: () => Date.now() },
  log: createLog('info'),
  limits,
});
process.on('SIGTERM', () => {
  void serving.stop();
});
