/** What `svidecar render entries` prints does what it says: by the real spire-server, API server and spire-controller-manager. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { runSvidecar } from '../fakes/fake-terminal.ts';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { describeWithComponents, programPath } from './harness/components.ts';
import { runCommand, waitUntil } from './harness/processes.ts';
import {
  installSpireCrds,
  startSpireControllerManager,
  type SpireControllerManager,
} from './harness/spire-controller-manager.ts';
import { startSpireServer, type SpireServer } from './harness/spire-server.ts';

const root = join(import.meta.dirname, '../..');
const gateway = 'test/golden/cli/gateway.input.yaml';
const alias = ['--node-alias', 'k8s_psat:cluster:demo', 'k8s_psat:agent_ns:spire'];
const terms = ['--hint', "the-shop's", '--x509-ttl', '1h', '--jwt-ttl', '5m', '--image'];
const dns = ['--dns', '${workload}.${namespace}.svc'];

async function render(words: readonly string[], stdin?: string): Promise<string> {
  const { code, out, err } = await runSvidecar(
    ['render', 'entries', ...words],
    stdin === undefined ? {} : { stdin },
  );
  expect(err).toBe('');
  expect(code).toBe(0);
  return out;
}

/** The demo's frontend, which federates with two domains. */
async function federating(): Promise<string> {
  const manifest = await readFile(join(root, 'manifests/demo/frontend.yaml'), 'utf8');
  return manifest.replace(
    /^( +)inject\.svidecar\.dev/m,
    '$1spiffe.io/federatesWith: other.org\n$1svidecar.dev/federates-with: third.org\n$&',
  );
}

/** An entry in words that two of them can be compared by. */
function summary(entry: JsonObject): string {
  const idOf = (key: string): string => {
    const id = objectAt(entry, key);
    return `spiffe://${stringAt(id, 'trust_domain') ?? ''}${stringAt(id, 'path') ?? ''}`;
  };
  const selectors = listAt(entry, 'selectors')
    .filter(isObject)
    .map((each) => `${stringAt(each, 'type') ?? ''}:${stringAt(each, 'value') ?? ''}`);
  const texts = (key: string): string => listAt(entry, key).filter(isText).sort().join(' ');
  const ttl = (key: string): string => JSON.stringify(entry[key]);
  return [
    `${idOf('spiffe_id')} under ${idOf('parent_id')} for ${selectors.sort().join(' ')}`,
    `dns ${texts('dns_names')} federates ${texts('federates_with')}`,
    `hint ${stringAt(entry, 'hint') ?? ''} lives ${ttl('x509_svid_ttl')} ${ttl('jwt_svid_ttl')}`,
  ].join(' ');
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

const helper =
  'spiffe://example.org/ns/demo/sa/frontend under spiffe://example.org/ns/spire/sa/spire-agent for' +
  ' k8s:container-image:docker.io/svidecar/helper:0.2.0 k8s:container-name:auth-helper k8s:ns:demo k8s:sa:frontend' +
  " dns frontend.demo.svc federates other.org third.org hint the-shop's lives 3600 300";
const proxy =
  'spiffe://example.org/ns/istio-system/sa/istio-ingressgateway-service-account' +
  ' under spiffe://example.org/ns/spire/sa/spire-agent for k8s:container-name:istio-proxy k8s:ns:istio-system' +
  ' k8s:pod-uid:63c2bbf5-a8b1-4b1f-ad64-f62ad2a69807 k8s:sa:istio-ingressgateway-service-account' +
  ' dns istio-ingressgateway-5b45864fd4-lgrxs istio-ingressgateway.istio-system.svc federates other.org hint  lives 0 0';
const agents =
  'spiffe://example.org/ns/spire/sa/spire-agent under spiffe://example.org/spire/server' +
  ' for k8s_psat:agent_ns:spire k8s_psat:cluster:demo dns  federates  hint  lives 0 0';

describeWithComponents(['spire-server'], 'entries on a real SPIRE server', () => {
  let spire: SpireServer;
  const others: SpireServer[] = [];
  beforeAll(async () => {
    spire = await startSpireServer();
    for (const trustDomain of ['other.org', 'third.org']) {
      const other = await startSpireServer({ trustDomain });
      others.push(other);
      await spire.setBundle(trustDomain, await other.showBundle());
    }
  });
  afterAll(async () => {
    await Promise.all([spire, ...others].map((each) => each.stop()));
  });
  const entries = async (): Promise<readonly JsonObject[]> =>
    listAt(await spire.command(['entry', 'show']), 'entries').filter(isObject);
  const summaries = async (): Promise<readonly string[]> => (await entries()).map(summary).sort();
  beforeEach(async () => {
    for (const entry of await entries()) await spire.deleteEntry(stringAt(entry, 'id') ?? '');
  });

  /** As a shell reads what is printed. */
  const shell = (commands: string): ReturnType<typeof runCommand> =>
    runCommand('sh', [], { input: commands });
  const feed = (json: string): ReturnType<typeof runCommand> =>
    runCommand(
      programPath('spire-server'),
      ['entry', 'create', '-socketPath', spire.socketPath, '-data', '-'],
      { input: json },
    );
  const words = (): string[] => [
    '--server',
    programPath('spire-server'),
    '--socket-path',
    spire.socketPath,
  ];

  test('commands, as a shell runs them, make the entries; a second run changes nothing', async () => {
    const commands = await render([...terms, ...dns, ...alias, ...words()], await federating());
    expect((await shell(commands)).code).toBe(0);
    expect(await summaries()).toEqual([helper, agents]);
    const before = await entries();
    expect((await shell(commands)).stderr).toContain('similar entry already exists');
    expect(await entries()).toEqual(before);
  });

  test('JSON makes the same entries; a second time it changes nothing', async () => {
    const json = await render([...terms, ...dns, ...alias, '--as', 'json'], await federating());
    expect((await feed(json)).code).toBe(0);
    expect(await summaries()).toEqual([helper, agents]);
    const before = await entries();
    expect((await feed(json)).stderr).toContain('similar entry already exists');
    expect(await entries()).toEqual(before);
  });

  test("Istio's gateway, by the UID of its pod, as commands and as JSON", async () => {
    const flags = [gateway, '--istio', '--pod-uid'];
    expect((await shell(await render([...flags, ...words()]))).code).toBe(0);
    expect(await summaries()).toEqual([proxy]);
    expect((await feed(await render([...flags, '--as', 'json']))).code).toBe(1);
    expect(await summaries()).toEqual([proxy]);
  });

  test('a helper without an X.509-SVID ahead of time: SPIRE says so of both forms', async () => {
    const flags = ['manifests/demo/frontend.yaml', '--no-x509-prefetch'];
    const { stdout } = await shell(await render([...flags, ...words()]));
    expect(stdout).toMatch(/DisableX509SvidPrefetch *: true/);
    const [entry] = await entries();
    await spire.deleteEntry(stringAt(entry, 'id') ?? '');
    const fed = await feed(await render([...flags, '--as', 'json']));
    expect(fed.stdout).toMatch(/DisableX509SvidPrefetch *: true/);
  });

  describeWithComponents(
    ['kube-apiserver', 'etcd', 'kubectl', 'spire-controller-manager'],
    'objects',
    () => {
      let api: ApiServer;
      let manager: SpireControllerManager | undefined;
      beforeAll(async () => {
        api = await startApiServer();
        await installSpireCrds(api);
        manager = await startSpireControllerManager({ api, spire });
      }, 120_000);
      afterAll(async () => {
        await manager?.stop();
        await api.stop();
      });
      const apply = async (text: string): Promise<string> => {
        const { stdout, stderr } = await api.kubectl(['apply', '-f', '-'], { input: text });
        expect(stderr).toBe('');
        return stdout;
      };
      const eventually = async (wanted: readonly string[]): Promise<void> => {
        await waitUntil('the entries are there', async () => (await entries()).length > 0, {
          deadlineMs: 20_000,
        });
        expect(await summaries()).toEqual(wanted);
      };

      test('ClusterStaticEntry objects become the same entries; a second time nothing changes', async () => {
        const objects = await render([...terms, ...dns, '--as', 'static'], await federating());
        await apply(objects);
        await eventually([helper]);
        expect(await apply(objects)).toContain('unchanged');
        await api.kubectl(['delete', 'clusterstaticentries', '--all']);
      });

      test('ClusterSPIFFEID objects become an entry for each pod', async () => {
        const text = await render([...terms, ...dns, '--as', 'objects'], await federating());
        const frontend = { serviceAccountName: 'frontend', nodeName: 'node-1' };
        await api.createNamespace('demo');
        await apply(
          JSON.stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } }),
        );
        await apply(
          JSON.stringify({
            apiVersion: 'v1',
            kind: 'ServiceAccount',
            metadata: { name: 'frontend', namespace: 'demo' },
          }),
        );
        await apply(
          JSON.stringify({
            apiVersion: 'v1',
            kind: 'Pod',
            metadata: { name: 'frontend-1', namespace: 'demo', labels: { app: 'frontend' } },
            spec: { ...frontend, containers: [{ name: 'auth-helper', image: 'x' }] },
          }),
        );
        await apply(text);
        await waitUntil('the entry is there', async () => (await entries()).length === 1);
        const [entry = ''] = await summaries();
        expect(entry).toMatch(/k8s:pod-uid:[0-9a-f-]{36} k8s:sa:frontend dns frontend\.demo\.svc /);
        expect(entry).toContain(helper.slice(helper.indexOf('federates')));
        expect(entry).toContain(' k8s:container-name:auth-helper k8s:ns:demo ');
      });
    },
  );
});
