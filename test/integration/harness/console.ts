/** `svidecar console` in this process, for whoever a kubeconfig speaks. */
import { join } from 'node:path';
import { engineFromText, loadEngine } from '../../../webhook/files/load-engine.ts';
import { connect } from '../../../webhook/kube/connection.ts';
import { parseDuration } from '../../../webhook/cli/duration.ts';
import {
  serveConsole,
  type ServeConsoleOptions,
  type ServingConsole,
} from '../../../webhook/console-server/serve-console.ts';

const templates = join(import.meta.dirname, '../../../templates');
const version = '0.1.0';

/** @param changes such as `namespace`, or a page of its own */
export async function startConsole(
  kubeconfig: string,
  changes: Partial<ServeConsoleOptions> = {},
): Promise<ServingConsole> {
  const api = await connect({ kind: 'kubeconfig', path: kubeconfig });
  return serveConsole({
    api,
    engines: {
      isGiven: false,
      make: (kubernetesMinor, text) =>
        text === undefined
          ? loadEngine({ templates, config: undefined, kubernetesMinor, version })
          : engineFromText(text, { templates, kubernetesMinor, version }),
    },
    page: { html: '<!doctype html><title>console</title>', policy: "default-src 'none'" },
    port: 0,
    spire: () => Promise.resolve({ kind: 'not_asked', reason: 'not in this test' }),
    namespace: undefined,
    contextName: api.contextName,
    configFile: undefined,
    target: { context: undefined, kubeconfig },
    version,
    clock: { now: () => Date.now() },
    durationS: parseDuration,
    ...changes,
  });
}
