import { describe, expect, test } from 'vitest';
import { ConfigMapHome } from '../../../../bans/store/config-map-home.ts';
import { ListStore } from '../../../../bans/store/list-store.ts';
import { objectAt, stringAt, type JsonObject } from '../../../../sidecar/kernel/json.ts';
import {
  ApiRefusal,
  type KubernetesApi,
  type WatchCall,
} from '../../../../webhook/kube/kubernetes-api.ts';

const unknown = {
  claim: 'sub',
  untilS: undefined,
  issuedBeforeS: undefined,
  reason: undefined,
  by: undefined,
  atS: undefined,
};

/** One ConfigMap, with versions as a real API server has them. */
class OneConfigMap implements KubernetesApi {
  object: JsonObject | undefined;
  writes = 0;
  /** Before a write: what another writer does, or a refusal. */
  beforeWrite: () => void = () => undefined;
  readonly watches: WatchCall[] = [];
  #version = 0;

  store(object: JsonObject): JsonObject {
    this.#version += 1;
    const metadata = { ...objectAt(object, 'metadata'), resourceVersion: `${this.#version}` };
    this.object = { ...object, metadata };
    for (const { onEvent } of this.watches.splice(0))
      onEvent({ type: 'MODIFIED', object: this.object });
    return this.object;
  }
  async get(): Promise<JsonObject> {
    await Promise.resolve();
    if (this.object === undefined) throw new ApiRefusal(404, 'NotFound', { message: 'none' });
    return this.object;
  }
  async create(_path: string, object: JsonObject): Promise<JsonObject> {
    await Promise.resolve();
    this.beforeWrite();
    if (this.object !== undefined) throw new ApiRefusal(409, 'AlreadyExists', { message: 'is' });
    this.writes += 1;
    return this.store(object);
  }
  async replace(_path: string, object: JsonObject): Promise<JsonObject> {
    await Promise.resolve();
    this.beforeWrite();
    if (this.object === undefined) throw new ApiRefusal(404, 'NotFound', { message: 'none' });
    const [ours, theirs] = [object, this.object].map((each) =>
      stringAt(objectAt(each, 'metadata'), 'resourceVersion'),
    );
    if (ours !== theirs) throw new ApiRefusal(409, 'Conflict', { message: 'changed' });
    this.writes += 1;
    return this.store(object);
  }
  async watch(call: WatchCall): Promise<void> {
    this.watches.push(call);
    await new Promise((_resolve, reject) => {
      call.signal.addEventListener('abort', () => {
        reject(new Error('aborted'));
      });
    });
  }
  apply = never;
  merge = never;
  remove = never;
}

function never(): never {
  throw new TypeError('not asked for');
}

function setUp(data?: Readonly<Record<string, string>>) {
  const api = new OneConfigMap();
  if (data !== undefined)
    api.store({ kind: 'ConfigMap', metadata: { name: 'bans', labels: { kept: 'yes' } }, data });
  const open = () => setUpBeside(api);
  const text = () => stringAt(objectAt(api.object, 'data'), 'bans.jsonl');
  return { api, open, store: open(), text };
}

const line = (value: string): string => `{"claim":"sub","value":"${value}"}\n`;

describe('a list of bans in a ConfigMap', () => {
  test('is made when it is missing, even where another makes it first', async () => {
    const { api, open, text } = setUp();
    await Promise.all(['1', '2'].map((value) => open().put({ ...unknown, value })));
    expect(api.writes).toBe(2);
    expect(text()?.split('\n').sort().join('\n').trim()).toBe((line('1') + line('2')).trim());
    expect(api.object).toMatchObject({ metadata: { namespace: 'edge', name: 'bans' } });
  });

  test('keeps its other keys, its labels and its comments', async () => {
    const { api, store } = setUp({ other: 'x', 'bans.jsonl': `# mine\n${line('1')}` });
    await store.put({ ...unknown, value: '2' });
    expect(api.object).toMatchObject({
      metadata: { labels: { kept: 'yes' } },
      data: { other: 'x', 'bans.jsonl': `# mine\n${line('1')}${line('2')}` },
    });
    expect(await store.remove('sub', '1')).toBe(true);
    expect(await store.remove('sub', '1')).toBe(false);
    expect(api.writes).toBe(2);
  });

  test('nothing that others write meanwhile is lost', async () => {
    const { api, store, text } = setUp({ 'bans.jsonl': '' });
    let others = 0;
    api.beforeWrite = () => {
      others += 1;
      if (others <= 3)
        api.store({ ...api.object, data: { 'bans.jsonl': line(`other ${others}`) } });
      else if (others === 4) api.object = undefined;
    };
    await store.put({ ...unknown, value: '1' });
    expect(text()).toBe(line('1'));
    await Promise.all(
      ['2', '3', '4', '5'].map((value) => setUpBeside(api).put({ ...unknown, value })),
    );
    for (const value of ['1', '2', '3', '4', '5']) expect(text()).toContain(line(value));
  });

  test('a change that is always too late ends', async () => {
    const { api, store } = setUp({ 'bans.jsonl': '' });
    api.beforeWrite = () => {
      api.store({ ...api.object });
    };
    await expect(store.put({ ...unknown, value: '1' })).rejects.toMatchObject({
      code: 'BAN_STORE_UNREACHABLE',
    });
  });

  test('what does not fit into a ConfigMap is not sent', async () => {
    const { api, store } = setUp({ other: 'é'.repeat(524_280), 'bans.jsonl': '' });
    await expect(store.put({ ...unknown, value: '1' })).rejects.toMatchObject({
      code: 'BAN_STORE_FULL',
      message: expect.stringContaining('1 MiB') as unknown,
    });
    expect(api.writes).toBe(0);
  });

  test.each([
    [403, 'CLUSTER_FORBIDDEN', 'the verb "update"'],
    [422, 'BAN_STORE_UNREACHABLE', 'immutable'],
  ])('a refusal with %i is told as %s', async (status, code, words) => {
    const { api, store } = setUp({ 'bans.jsonl': '' });
    api.beforeWrite = () => {
      throw new ApiRefusal(status, 'Refused', { message: 'it is immutable' });
    };
    await expect(store.put({ ...unknown, value: '1' })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words) as unknown,
    });
  });

  test('tells a change as soon as the watch does', async () => {
    const { api, store, open } = setUp({ 'bans.jsonl': line('1') });
    const stop = new AbortController();
    const changes = store.watch(stop.signal)[Symbol.asyncIterator]();
    const first = changes.next();
    await expect.poll(() => api.watches.length, { interval: 2 }).toBe(1);
    expect(api.watches[0]?.path).toContain('fieldSelector=metadata.name%3Dbans');
    await open().put({ ...unknown, value: '2' });
    expect((await first).value).toMatchObject({ kind: 'added', ban: { value: '2' } });
    const end = changes.next();
    stop.abort();
    expect((await end).done).toBe(true);
  });
});

const soon = { firstMs: 1, factor: 1, limitMs: 1, jitter: 0 };

function setUpBeside(api: KubernetesApi): ListStore {
  const place = { namespace: 'edge', name: 'bans', key: 'bans.jsonl' };
  return new ListStore(new ConfigMapHome(api, place, soon), { now: () => 1_000 });
}
