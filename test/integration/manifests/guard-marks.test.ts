/** The guard on a real API server: a pod of Istio's that runs keeps the marks by which its Envoy has our filters. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { startApiServer, type ApiServer } from '../harness/api-server.ts';
import { describeWithComponents } from '../harness/components.ts';
import { waitUntil } from '../harness/processes.ts';
import { apply, makeNamespace, podOf } from './guarded-cluster.ts';
import { marksLeft, marksTaken, tryToPatch } from './guarded-marks.ts';
import { istioPod, labelled, ofIstio, withLabels } from './guarded-pods.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
const injected = { 'svidecar.dev/injected': 'true' };

let api: ApiServer;

describeWithComponents(programs, 'the guard of marks', () => {
  let space: string;
  let pod: string;

  async function stored(where: string, object: JsonObject): Promise<string> {
    await apply(api, where, JSON.stringify(object));
    return stringAt(objectAt(object, 'metadata'), 'name') ?? '';
  }

  beforeAll(async () => {
    api = await startApiServer();
    const installed = await api.kubectl(['apply', '-f', 'manifests/kustomize/base/guard.yaml']);
    expect(installed.code, installed.stderr).toBe(0);
    space = await makeNamespace(api, 'enabled');
    pod = await stored(space, withLabels(podOf(istioPod, ofIstio), { ...labelled, ...injected }));
    const [[, metadata] = ['', {}]] = marksTaken;
    await waitUntil('the policy is in force', async () => {
      const { code } = await tryToPatch(api, { space, pod, patch: { metadata } });
      return code !== 0;
    });
  });
  afterAll(async () => {
    await api.stop();
  });

  test.each(marksTaken)('refuses a change of %s: %j', async (mark, metadata) => {
    for (const subresource of ['', 'status']) {
      const patch = { metadata };
      const { code, stderr } = await tryToPatch(api, { space, pod, patch, subresource });
      expect(code).toBe(1);
      expect(stderr).toContain(`svidecar: ${mark} of this Pod may be neither changed`);
      expect(stderr).toContain('Next: ');
    }
  });

  test.each(marksLeft)('lets through a change of %s', async (...[, patch, subresource]) => {
    const { code, stderr } = await tryToPatch(api, { space, pod, patch, subresource });
    expect(stderr).toBe('');
    expect(code).toBe(0);
  });

  test('leaves alone a pod that has no EnvoyFilter, whatever its labels say', async () => {
    const other = await stored(space, withLabels(podOf({}), { ...labelled, ...injected }));
    for (const [, metadata] of marksTaken) {
      const said = await tryToPatch(api, { space, pod: other, patch: { metadata } });
      expect(said).toMatchObject({ code: 0, stderr: '' });
    }
  });

  test('warns or only keeps a record, as the namespace says', async () => {
    const [[, metadata] = ['', {}]] = marksTaken;
    for (const [mode, isWarned] of [
      ['warn', true],
      ['audit', false],
    ] as const) {
      const where = await makeNamespace(api, 'pod', mode);
      const object = withLabels(podOf(istioPod, ofIstio), { ...labelled, ...injected });
      const name = await stored(where, object);
      const said = await tryToPatch(api, { space: where, pod: name, patch: { metadata } });
      expect(said.code).toBe(0);
      expect(said.stderr.startsWith('Warning: ')).toBe(isWarned);
    }
  });

  test('holds no pod back that is to go, and has no expression that the API server warns of', async () => {
    const gone = await api.kubectl(['delete', 'pod', pod, '-n', space, '--dry-run=server']);
    expect(gone).toMatchObject({ code: 0, stderr: '' });
    const policies = ['get', 'validatingadmissionpolicy', 'svidecar-guard-marks', '-o'];
    await waitUntil('its types were checked', async () => {
      const path = 'jsonpath={.status.observedGeneration}';
      return (await api.kubectl([...policies, path])).stdout !== '';
    });
    const warnings = await api.kubectl([...policies, 'jsonpath={.status.typeChecking}']);
    expect(warnings.stdout).toBe('{}');
  });
});
