import { expect, test } from 'vitest';
import { settled } from '../../../fakes/manual-timers.ts';
import { mirrored, type Mirrored } from '../../../fakes/mirrored.ts';

const noRights = new Error('redis:6379 gives its user no right to GETRANGE');
const told = ({ log }: Mirrored, word: string): readonly string[] =>
  log.lines.flatMap((line) => (line.message.includes(word) ? [JSON.stringify(line)] : []));

test('changes that cannot be read, though the store is there, are told once with the reason, and their end', async () => {
  const on = mirrored();
  const { store, timers, isBanned, up } = on;
  store.put('a');
  await up();
  store.trouble = noRights;
  store.put('b');
  await settled();
  await timers.advance(10_000);
  store.put('c');
  await timers.advance(10_000);
  const [line, ...others] = told(on, 'could not be read');
  expect(line).toContain('no right to GETRANGE');
  expect(others).toEqual([]);
  store.trouble = undefined;
  await timers.advance(1_000);
  expect([isBanned('a'), isBanned('b'), isBanned('c')]).toEqual([true, true, true]);
  expect(told(on, 'can be read again')).toHaveLength(1);
  store.trouble = noRights;
  store.put('d');
  await settled();
  expect(told(on, 'could not be read')).toHaveLength(2);
});

test('so is a whole reading, and what is looked up', async () => {
  const on = mirrored();
  const { store, timers, lookUp, up } = on;
  store.trouble = noRights;
  await up();
  await timers.advance(20_000);
  expect(told(on, 'its changes wait')).toHaveLength(1);
  for (const value of ['a', 'b']) expect(await lookUp(value)).toBe('store_away');
  expect(told(on, 'whoever is looked up passes')).toHaveLength(1);
  store.trouble = undefined;
  await lookUp('a');
  await timers.advance(20_000);
  expect(told(on, 'can be read again')).toHaveLength(2);
});

test('a store that is away is not told of twice', async () => {
  const on = mirrored();
  const { store, lookUp, up } = on;
  await up();
  store.events?.onDown('away');
  store.trouble = new Error('away');
  store.put('a');
  await settled();
  await lookUp('a');
  expect(told(on, 'could not be read')).toEqual([]);
});
