/** The commands of docs/envoy.md for an Envoy without a pod, run as they stand, with the real Envoy and SPIRE in a network of their own. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithComponents, programPath } from './harness/components.ts';
import { runCommand } from './harness/processes.ts';
import { startSpire, type Spire } from './harness/spire.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';

const repository = join(import.meta.dirname, '../..');
const page = readFileSync(join(repository, 'docs/envoy.md'), 'utf8');
const [, machine = ''] = page.split('\n### On a machine\n');
const [plain = '', tokens = ''] = [...machine.matchAll(/^```sh\n([^]*?)^```/gm)].map(
  ([, block = '']) => block,
);
const flags = /svidecar render envoy ([^]*?) > envoy\.yaml/.exec(plain)?.[1] ?? '';

/** What the page leaves to its reader: an app, and somebody who calls. */
const around = `
ip link set lo up
node -e 'require("node:http").createServer((_, to) => to.end("the app\\n")).listen(8080, "127.0.0.1")' &
ready() { for try in $(seq 100); do curl -sf -o /dev/null "$1" && return; sleep 0.1; done; echo "$1 is not ready"; exit 1; }
knock() { curl -sk -m 5 --cert caller.pem https://127.0.0.1:8443/ "$@" || echo refused; echo; }
`;
const proofs = {
  plain: `
envoy=$!
ready http://127.0.0.1:9901/ready
spire-server x509 mint -spiffeID spiffe://example.org/frontend -ttl 60s > caller.pem
knock
curl -sk -m 5 https://127.0.0.1:8443/ || echo refused
kill $envoy; wait $envoy || true
`,
  tokens: `
sudo -u envoy envoy -c envoy.yaml > envoy.log 2>&1 &
ready http://127.0.0.1:9901/ready; ready http://127.0.0.1:9011/readyz
knock
knock -H "authorization: Bearer $(spire-server jwt mint -spiffeID spiffe://example.org/frontend -audience spiffe://example.org/backend)"
`,
};

describeWithComponents(
  ['envoy', 'spire-server', 'spire-agent'],
  'docs/envoy.md, on a machine',
  () => {
    let work: WorkFolder;
    let spire: Spire;

    beforeAll(async () => {
      [work, spire] = await Promise.all([createWorkFolder('envoy-page'), startSpire()]);
      const server = programPath('spire-server');
      program('spire-server', `exec ${server} "$@" -socketPath ${spire.server.socketPath}`);
      // Of the two users there is one here.
      program('sudo', 'shift 2; exec "$@"');
    });
    afterAll(async () => {
      await spire.stop();
      await work.remove();
    });

    function program(name: string, line: string): void {
      const path = join(work.path, name);
      writeFileSync(path, `#!/bin/sh\n${line}\n`);
      chmodSync(path, 0o755);
    }

    /** The last command of a block goes on. */
    const block = (text: string): string =>
      `${text
        .replaceAll('spiffe://example.org/spire/agent/x509pop/FINGERPRINT', spire.agentId)
        .replaceAll('unix:user:envoy', `unix:uid:${process.getuid?.() ?? 0}`)
        .replaceAll('/run/spire/agent.sock', spire.socketPath)
        .trimEnd()} > block.log 2>&1 &`;

    test.runIf(process.getuid?.() === 0)(
      'it lets in who has a certificate, and with tokens nobody without one',
      async () => {
        const script = [
          `set -e; cd ${work.path}`,
          around,
          block(plain),
          proofs.plain,
          block(tokens.replaceAll(' ... ', ` ${flags} `)),
          proofs.tokens,
        ].join('\n');
        const folders = [work.path, join(repository, 'scripts'), dirname(programPath('envoy'))];
        const PATH = [...folders, dirname(process.execPath), process.env['PATH']].join(':');
        const apart = ['--net', '--pid', '--fork', '--kill-child', 'bash', '-c', script];
        const env = { PATH };
        const options = { env, cwd: work.path, deadlineMs: 60_000 };
        const { code, stdout, stderr } = await runCommand('unshare', apart, options);
        expect({ code, said: stdout.trim().split(/\n+/).slice(-4) }, stdout + stderr).toEqual({
          code: 0,
          said: ['the app', 'refused', 'jwt-validate: there is no Authorization header', 'the app'],
        });
      },
    );
  },
);
