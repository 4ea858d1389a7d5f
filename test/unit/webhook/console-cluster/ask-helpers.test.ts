import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { CoverageBoard } from '../../../../webhook/console/coverage-board.ts';
import { askHelpers } from '../../../../webhook/console-cluster/ask-workload.ts';
import type { ConnectedApi } from '../../../../webhook/kube/connection.ts';
import { ApiRefusal } from '../../../../webhook/kube/kubernetes-api.ts';
import { runningPod } from '../../../fakes/registered-shop.ts';

const token = 'eyJhbGciOiJub25lIn0.e30.c2lnbmF0dXJl';
const held = {
  tokens: [{ audience: 'a', validUntil: 9, problem: `refused ${token}`, token }],
  trustDomains: ['example.org'],
};
const metrics = `svidecar_checks_total{rule="jwt-validate",outcome="expired"} 3\nother 1\n`;

let helper: Server;
beforeAll(async () => {
  helper = createServer((_request, response) => response.end(metrics));
  await new Promise<void>((resolve) => helper.listen(0, '127.0.0.1', resolve));
});
afterAll(() => helper.close());

function board(): CoverageBoard {
  const made = new CoverageBoard();
  made.pods.put({
    namespace: 'shop',
    name: 'frontend-5d-x',
    version: '1',
    root: { kind: 'StatefulSet', name: 'frontend' },
    isReady: true,
    asks: true,
    isInjected: true,
  });
  made.flush();
  return made;
}

/** @param page what the helper's own page says */
function ask(page: JsonObject | Error, forward: ConnectedApi['forward']) {
  const get = (path: string): Promise<JsonObject> => {
    if (!path.endsWith('/identities')) return Promise.resolve(runningPod());
    return page instanceof Error ? Promise.reject(page) : Promise.resolve(page);
  };
  // Nothing else of it is asked.
  const api = { get, forward } as unknown as ConnectedApi;
  const target = { context: undefined, kubeconfig: undefined };
  const parts = { api, board: board(), target, engine: () => undefined, nowMs: () => 0 };
  return askHelpers('shop/StatefulSet/frontend', parts);
}

test('a helper tells what it has in hand and what it answered, and no token', async () => {
  const { port } = helper.address() as AddressInfo;
  const views = await ask(held, () => Promise.resolve(connect(port, '127.0.0.1')));
  expect(views).toMatchObject([
    {
      pod: 'frontend-5d-x',
      held: { kind: 'known', value: { tokens: [{ audience: 'a', validUntilS: 9 }] } },
      answers: {
        kind: 'known',
        value: [{ rule: 'jwt-validate', outcome: 'expired', isRefusal: true, count: 3 }],
      },
    },
  ]);
  expect(JSON.stringify(views)).not.toContain(token);
  expect(JSON.stringify(views)).toContain('refused (not shown)');
});

test('where it may not be asked, it says which right that takes', async () => {
  const refusal = new ApiRefusal(403, 'Forbidden', { message: 'no' });
  const [view] = await ask(refusal, () => Promise.reject(refusal));
  expect(view?.held).toMatchObject({ kind: 'not_asked' });
  expect(view?.answers).toMatchObject({ kind: 'not_asked' });
  expect(JSON.stringify(view)).toContain('pods/portforward');
  expect(JSON.stringify(view)).toContain('pods/proxy');
});
