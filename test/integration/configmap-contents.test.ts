/** What ConfigMaps may hold, on a real API server: bytes are copied, and what would not fit is refused before it is stored. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { describeWithComponents } from './harness/components.ts';
import { validateEnvoy } from './harness/envoy.ts';
import { waitUntil } from './harness/processes.ts';
import { installWebhook, type InstalledWebhook } from './harness/webhook.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl', 'envoy'];
const [source, deployment] = parseAllDocuments(
  await readFile(join(import.meta.dirname, 'fixtures/shop.yaml'), 'utf8'),
).map((document): JsonObject => {
  const object: unknown = document.toJS();
  return isObject(object) ? object : {};
});
const envoyYaml = stringAt(objectAt(source ?? {}, 'data'), 'envoy.yaml') ?? '';
const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64');
const descriptors = base64(Buffer.from([0x0a, 0xff, 0xfe, 0x00, 0x80]));

/** Bytes of all values of a ConfigMap that the API server takes. */
const most = 1_048_576;

let api: ApiServer;
let webhook: InstalledWebhook;
let spaces = 0;

type Contents = Readonly<Record<'data' | 'binaryData', Readonly<Record<string, string>>>>;

/** Creates the ConfigMap: `apply` would keep all of it in an annotation, which has a limit of its own. */
function createSource(
  space: string,
  contents: Partial<Contents>,
): Promise<{ code: number | null; stderr: string }> {
  const { data: _data, ...around } = source ?? {};
  return api.kubectl(['create', '-n', space, '-f', '-'], {
    input: stringify({ ...around, ...contents }),
  });
}

function applyDeployment(
  space: string,
  ...flags: readonly string[]
): Promise<{ code: number | null; stderr: string }> {
  return api.kubectl(['apply', '-n', space, ...flags, '-f', '-'], { input: stringify(deployment) });
}

async function freshSpace(contents: Partial<Contents>): Promise<string> {
  spaces += 1;
  const space = `contents-${spaces}`;
  await api.createNamespace(space, { 'svidecar.dev/injection': 'enabled' });
  const created = await createSource(space, contents);
  expect(created.code, created.stderr).toBe(0);
  return space;
}

/** The patched copy, once it is there. */
async function copyIn(space: string): Promise<JsonObject> {
  let copy: JsonObject | undefined;
  await waitUntil('the copy exists', async () => {
    const { stdout } = await api.kubectl(['get', '-n', space, 'configmaps', '-o', 'json']);
    const found: unknown = JSON.parse(stdout);
    copy = listAt(isObject(found) ? found : {}, 'items')
      .filter(isObject)
      .find((one) =>
        stringAt(objectAt(one, 'metadata'), 'name')?.startsWith('frontend-envoy-svidecar-'),
      );
    return copy !== undefined;
  });
  return copy ?? {};
}

/** The answer once the webhook has seen the ConfigMap. */
async function answerTo(
  space: string,
  expected: RegExp,
): Promise<{ code: number | null; stderr: string }> {
  let answer = await applyDeployment(space, '--dry-run=server');
  await waitUntil(`the answer is ${String(expected)}`, async () => {
    answer = await applyDeployment(space, '--dry-run=server');
    return expected.test(answer.stderr);
  });
  return answer;
}

describeWithComponents(programs, 'what a ConfigMap holds, on a real API server', () => {
  beforeAll(async () => {
    api = await startApiServer();
    webhook = await installWebhook(api);
  });
  afterAll(async () => {
    await webhook.stop();
    await api.stop();
  });

  test('bytes beside the configuration are in the copy, byte for byte', async () => {
    const space = await freshSpace({
      data: { 'envoy.yaml': envoyYaml },
      binaryData: { 'api.pb': descriptors },
    });
    await applyDeployment(space);
    const copy = await copyIn(space);
    expect(copy['binaryData']).toEqual({ 'api.pb': descriptors });
    expect(stringAt(objectAt(copy, 'data'), 'envoy.yaml')).toContain('svidecar.jwt-inject');
  });

  test('a configuration in bytes becomes a text in the copy, which real Envoy accepts', async () => {
    const space = await freshSpace({
      binaryData: { 'envoy.yaml': base64(envoyYaml), 'api.pb': descriptors },
    });
    await applyDeployment(space);
    const copy = await copyIn(space);
    expect(copy['binaryData']).toEqual({ 'api.pb': descriptors });
    const text = stringAt(objectAt(copy, 'data'), 'envoy.yaml') ?? '';
    expect(text).toContain('svidecar.jwt-inject');
    expect(await validateEnvoy(text)).toMatchObject({ ok: true });
  });

  test('bytes that are no text are refused in words, with nothing stored', async () => {
    const space = await freshSpace({ binaryData: { 'envoy.yaml': descriptors } });
    const answer = await answerTo(space, /not_utf8/);
    expect(answer.code).not.toBe(0);
    expect(answer.stderr).toMatch(
      new RegExp(`ConfigMap ${space}/frontend-envoy: not_utf8: .*write it as UTF-8 under data`),
    );
  });

  test('a copy of the most that the API server stores is made; with a byte more it is refused, and says what to move', async () => {
    const small = await freshSpace({ data: { 'envoy.yaml': envoyYaml } });
    await applyDeployment(small);
    const patched = stringAt(objectAt(await copyIn(small), 'data'), 'envoy.yaml') ?? '';
    const room = most - Buffer.byteLength(patched);

    const full = await freshSpace({ data: { 'envoy.yaml': envoyYaml, page: 'x'.repeat(room) } });
    await answerTo(full, /injected jwt-inject/);
    expect((await applyDeployment(full)).code).toBe(0);
    expect(stringAt(objectAt(await copyIn(full), 'data'), 'envoy.yaml')).toBe(patched);

    const over = await freshSpace({
      data: { 'envoy.yaml': envoyYaml, page: 'x'.repeat(room + 1) },
    });
    const answer = await answerTo(over, /copy_too_large/);
    expect(answer.code).not.toBe(0);
    expect(answer.stderr).toMatch(
      /ConfigMap contents-\d+\/frontend-envoy: copy_too_large: .*more than 1 MiB.*move what Envoy does not read from here into a ConfigMap of its own/,
    );
    const { stdout } = await api.kubectl([
      'get',
      '-n',
      over,
      'deployments,configmaps',
      '-o',
      'name',
    ]);
    expect(stdout.trim().split('\n').sort()).toEqual([
      'configmap/frontend-envoy',
      'configmap/kube-root-ca.crt',
    ]);
  });

  test('the API server itself counts the same bytes', async () => {
    const space = await freshSpace({ data: { page: 'x'.repeat(10) } });
    const sized = (bytes: number): string =>
      stringify({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: `of-${bytes}` },
        data: { a: 'x'.repeat(bytes - 3) },
        binaryData: { b: base64('xyz') },
      });
    const create = ['create', '-n', space, '-f', '-'];
    expect((await api.kubectl(create, { input: sized(most) })).code).toBe(0);
    const more = await api.kubectl(create, { input: sized(most + 1) });
    expect(more.stderr).toMatch(/may not be more than 1048576 bytes/);
  });
});
