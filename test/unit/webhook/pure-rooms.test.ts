import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { rooms } from '../../../scripts/lint/rooms.ts';

const root = join(import.meta.dirname, '../../..');
/** A collection at module level that begins empty, or forgets: it is filled by whoever calls. */
const memory =
  /^(?:export )?(?:let |const \w+(?::.*)? = (?:(?:new (?:WeakMap|WeakSet|LRUCache|LruMap)|onceFor)\b|new (?:Map|Set)(?:<.*>)?\(\)))/;

test.each(rooms.filter(({ isPure }) => isPure).map(({ folder }) => folder))(
  '%s remembers nothing by itself: whoever calls passes in what remembers',
  (folder) => {
    const files = globSync(`${folder}/**/*.ts`, { cwd: root });
    expect(files.length).toBeGreaterThan(0);
    const found = files.flatMap((file) =>
      readFileSync(join(root, file), 'utf8')
        .split('\n')
        .filter((line) => memory.test(line))
        .map((line) => `${file}: ${line}`),
    );
    expect(found).toEqual([]);
  },
);
