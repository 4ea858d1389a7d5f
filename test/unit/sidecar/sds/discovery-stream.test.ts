import { describe, expect, test } from 'vitest';
import { DeltaStream, StateStream } from '../../../../sidecar/sds/discovery-stream.ts';
import {
  emptyVersion,
  expiryOf,
  jointVersion,
  versionOf,
} from '../../../../sidecar/sds/secret-version.ts';
import {
  deltaRequest,
  FakeSecrets,
  readDeltaResponse,
  readStateResponse,
  stateRequest,
  type Told,
} from '../../../fakes/discovery.ts';

const nowS = 1_800_000_000;

/** Both variants, driven alike. */
interface Client {
  /** Asks for names on a new stream, with the versions that it has of them. */
  open(names: readonly string[], versions?: Readonly<Record<string, string>>): void;
  next(atS?: number): Told | undefined;
  accept(told: Told | undefined): void;
  refuse(told: Told | undefined): unknown;
  /** Wants these as well. */
  add(name: string): void;
  remove(name: string): void;
}

function stateClient(secrets: FakeSecrets): Client {
  const stream = new StateStream();
  let names: readonly string[] = [];
  let version = '';
  const take = (message: Buffer) => {
    expect(stream.take(message).kind).not.toBe('fault');
  };
  return {
    open: (wanted, versions = {}) => {
      names = wanted;
      version = jointVersion(Object.values(versions));
      take(stateRequest({ names, version: Object.keys(versions).length === 0 ? '' : version }));
    },
    next: (atS = nowS) => {
      const push = stream.next(secrets, atS);
      return push && readStateResponse(push.message);
    },
    accept: (told) => {
      version = told?.version ?? '';
      take(stateRequest({ names, version, nonce: told?.nonce ?? '' }));
    },
    refuse: (told) =>
      stream.take(stateRequest({ names, version, nonce: told?.nonce ?? '', isRefusal: true })),
    add: (name) => {
      names = [...names, name];
      take(stateRequest({ names, version }));
    },
    remove: (name) => {
      names = names.filter((one) => one !== name);
      take(stateRequest({ names, version }));
    },
  };
}

function deltaClient(secrets: FakeSecrets): Client {
  const stream = new DeltaStream();
  const take = (message: Buffer) => {
    expect(stream.take(message).kind).not.toBe('fault');
  };
  return {
    open: (subscribe, versions = {}) => {
      take(deltaRequest({ subscribe, versions }));
    },
    next: (atS = nowS) => {
      const push = stream.next(secrets, atS);
      return push && readDeltaResponse(push.message);
    },
    accept: (told) => {
      take(deltaRequest({ nonce: told?.nonce ?? '' }));
    },
    refuse: (told) => stream.take(deltaRequest({ nonce: told?.nonce ?? '', isRefusal: true })),
    add: (name) => {
      take(deltaRequest({ subscribe: [name] }));
    },
    remove: (name) => {
      take(deltaRequest({ unsubscribe: [name] }));
    },
  };
}

describe.each([
  ['state of the world', stateClient],
  ['incremental', deltaClient],
])('a client (%s)', (_name, clientOf) => {
  const setUp = () => {
    const secrets = new FakeSecrets();
    return { secrets, client: clientOf(secrets) };
  };

  test('gets the token under the name it asked for, and the next one once it accepted', () => {
    const { secrets, client } = setUp();
    secrets.hold('a', 'one', nowS + 100);
    secrets.hold('b', 'not asked for', nowS + 100);
    client.open(['a']);
    const first = client.next();
    expect(first?.secrets).toEqual({ a: 'Bearer one' });
    secrets.hold('a', 'two', nowS + 200);
    expect(client.next(), 'the first is not answered yet').toBeUndefined();
    client.accept(first);
    expect(client.next()?.secrets).toEqual({ a: 'Bearer two' });
  });

  test('is told the same thing once', () => {
    const { secrets, client } = setUp();
    secrets.hold('a', 'one', nowS + 100);
    client.open(['a']);
    client.accept(client.next());
    secrets.hold('a', 'one', nowS + 100);
    expect(client.next()).toBeUndefined();
  });

  test('waits for a token that is not there, and for a name that no rule has', () => {
    const { secrets, client } = setUp();
    secrets.put('a', { kind: 'awaited' });
    client.open(['a', 'unknown']);
    expect(client.next()).toBeUndefined();
    secrets.hold('a', 'one', nowS + 100);
    expect(client.next()?.secrets).toEqual({ a: 'Bearer one' });
  });

  test('gets the empty value before its token ends, and not earlier', () => {
    const { secrets, client } = setUp();
    secrets.hold('a', 'one', nowS + 100);
    client.open(['a']);
    client.accept(client.next());
    secrets.put('a', { kind: 'awaited' });
    expect(client.next(nowS + 97)).toBeUndefined();
    const last = client.next(nowS + 98);
    expect(last?.secrets).toEqual({ a: '' });
    client.accept(last);
    expect(client.next(nowS + 200), 'once is enough').toBeUndefined();
    secrets.hold('a', 'two', nowS + 300);
    expect(client.next(nowS + 200)?.secrets).toEqual({ a: 'Bearer two' });
  });

  test('gets the empty value at once when its rule is gone', () => {
    const { secrets, client } = setUp();
    secrets.hold('a', 'one', nowS + 100);
    client.open(['a']);
    client.accept(client.next());
    secrets.put('a', { kind: 'unknown' });
    expect(client.next()?.secrets).toEqual({ a: '' });
  });

  test('that comes back with the newest token is not told again', () => {
    const { secrets, client } = setUp();
    const version = secrets.hold('a', 'one', nowS + 100);
    client.open(['a'], { a: version });
    expect(client.next()).toBeUndefined();
    secrets.hold('a', 'two', nowS + 200);
    expect(client.next()?.secrets).toEqual({ a: 'Bearer two' });
  });

  test.each([
    ['still good', versionOf(nowS + 50, 'x'), undefined],
    ['about to end', versionOf(nowS + 1, 'x'), { a: '' }],
    ['long over', versionOf(nowS - 50, 'x'), { a: '' }],
    ['none of ours', 'v7', { a: '' }],
    ['empty already', emptyVersion, undefined],
  ])('that comes back to a helper without a token, with one that is %s', (_words, held, told) => {
    const { secrets, client } = setUp();
    secrets.put('a', { kind: 'awaited' });
    client.open(['a'], { a: held });
    expect(client.next()?.secrets).toEqual(told);
  });

  test('that refuses a token keeps the one before, gets the next, and is never without an end', () => {
    const { secrets, client } = setUp();
    secrets.hold('a', 'one', nowS + 100);
    client.open(['a']);
    client.accept(client.next());
    secrets.hold('a', 'bad', nowS + 200);
    expect(client.refuse(client.next())).toEqual({ kind: 'refused', names: ['a'] });
    expect(client.next(), 'it is not sent again').toBeUndefined();
    const end = client.next(nowS + 99);
    expect(end?.secrets, 'the one before ends').toEqual({ a: '' });
    client.refuse(end);
    expect(client.next(nowS + 99)).toBeUndefined();
    secrets.hold('a', 'good', nowS + 300);
    expect(client.next(nowS + 99)?.secrets).toEqual({ a: 'Bearer good' });
  });

  test('that refused the empty value once is given it again when a later token ends', () => {
    const { secrets, client } = setUp();
    secrets.hold('a', 'one', nowS + 100);
    client.open(['a']);
    client.accept(client.next());
    secrets.put('a', { kind: 'awaited' });
    client.refuse(client.next(nowS + 99));
    expect(client.next(nowS + 99), 'the one it refused it for').toBeUndefined();
    secrets.hold('a', 'two', nowS + 200);
    client.accept(client.next(nowS + 99));
    secrets.put('a', { kind: 'awaited' });
    expect(client.next(nowS + 199)?.secrets).toEqual({ a: '' });
  });

  test('whose token ends while it owes an answer gets the empty value right after that', () => {
    const { secrets, client } = setUp();
    secrets.hold('a', 'short', nowS + 3);
    client.open(['a', 'b']);
    client.accept(client.next());
    secrets.hold('b', 'long', nowS + 6);
    const owed = client.next();
    secrets.put('a', { kind: 'awaited' });
    secrets.put('b', { kind: 'awaited' });
    expect(client.next(nowS + 3), 'it would be read behind what is owed').toBeUndefined();
    client.accept(owed);
    const end = client.next(nowS + 3);
    expect(end?.secrets, 'the other is still good').toEqual({ a: '' });
    client.accept(end);
    expect(client.next(nowS + 4)?.secrets).toEqual({ b: '' });
  });

  test('that answers something long gone has answered nothing', () => {
    const { secrets, client } = setUp();
    secrets.hold('a', 'one', nowS + 100);
    client.open(['a']);
    const first = client.next();
    client.accept({ nonce: '7', version: '', secrets: {}, versions: {} });
    secrets.hold('a', 'two', nowS + 200);
    expect(client.next()).toBeUndefined();
    client.accept(first);
    expect(client.next()?.secrets).toEqual({ a: 'Bearer two' });
  });

  test('gets a further name beside the first, and no more once it does not want it', () => {
    const { secrets, client } = setUp();
    secrets.hold('a', 'one', nowS + 100);
    client.open(['a']);
    client.accept(client.next());
    client.add('b');
    expect(client.next()).toBeUndefined();
    secrets.hold('b', 'other', nowS + 50);
    const both = client.next();
    expect(both?.secrets).toEqual({ b: 'Bearer other' });
    client.accept(both);
    client.remove('a');
    secrets.hold('a', 'two', nowS + 200);
    expect(client.next()).toBeUndefined();
  });
});

describe('an incremental client', () => {
  test('that asks anew for what it has is told again', () => {
    const secrets = new FakeSecrets();
    const client = deltaClient(secrets);
    const version = secrets.hold('a', 'one', nowS + 100);
    client.open(['a']);
    const first = client.next();
    expect(first?.versions).toEqual({ a: version });
    client.accept(first);
    client.add('a');
    expect(client.next()?.secrets).toEqual({ a: 'Bearer one' });
  });
});

describe('a stream ends', () => {
  const names = Array.from({ length: 65 }, (_, index) => `n${index}`);
  test.each<[string, Buffer]>([
    ['with bytes that are no request', Buffer.from([0x0a, 0xff])],
    ['with another type', stateRequest({ names: [], typeUrl: 'type.googleapis.com/x' })],
    ['with too many names', stateRequest({ names })],
    ['with a name that is too long', stateRequest({ names: ['x'.repeat(16_385)] })],
  ])('%s', (_name, message) => {
    expect(new StateStream().take(message)).toMatchObject({ kind: 'fault' });
  });

  test('with too many names, also one after the other', () => {
    const stream = new DeltaStream();
    const results = names.map((name) => stream.take(deltaRequest({ subscribe: [name] })).kind);
    expect(results.slice(0, 64)).toEqual(Array.from({ length: 64 }, () => 'taken'));
    expect(results[64]).toBe('fault');
  });
});

describe('a version', () => {
  test('says when the token ends, and nothing of the token', () => {
    const version = versionOf(nowS + 0.9, 'Bearer secret');
    expect(version).toMatch(/^1800000000-[0-9a-f]{16}$/);
    expect(expiryOf(version)).toBe(nowS);
    expect(versionOf(nowS, 'other')).not.toBe(versionOf(nowS, 'one'));
  });

  test('of several ends with the first of them', () => {
    const soon = versionOf(nowS, 'a');
    const late = versionOf(nowS + 9, 'b');
    expect(expiryOf(jointVersion([late, emptyVersion, soon]))).toBe(nowS);
    expect(jointVersion([emptyVersion, emptyVersion])).toBe(emptyVersion);
    expect(jointVersion([late])).toBe(late);
  });
});
