import { expect, test } from 'vitest';
import {
  edited,
  exchanged,
  isOwn,
  overtaken,
  startWith,
  wentBack,
} from '../../../../../webhook/pages/workbench/input-history.ts';

const input = (text: string) => ({
  files: [{ name: 'a.yaml', text }],
  configuration: '',
  namespace: 'default',
  kubernetesMinor: 36,
  shown: 0,
});
const demo = startWith(input('demo'));
const own = edited(demo, input('mine'));

test('what the person wrote is kept when a link takes its place, and comes back', () => {
  const after = overtaken(own, input('theirs'));
  expect(after.now).toEqual(input('theirs'));
  expect(wentBack(after).now).toEqual(input('mine'));
  expect(isOwn(wentBack(after))).toBe(true);
});

test('what nobody wrote is not kept, however it was looked at', () => {
  expect(overtaken(demo, input('theirs')).earlier).toEqual([]);
  const looked = edited(demo, { ...input('demo'), shown: 3 });
  expect(isOwn(looked)).toBe(false);
  expect(overtaken(looked, input('theirs')).earlier).toEqual([]);
});

test('links in a row, however many, push nothing out', () => {
  let history = own;
  for (let at = 0; at < 1_000; at += 1) history = overtaken(history, input(`theirs ${at}`));
  expect(history.earlier).toEqual([input('mine')]);
});

test.each(['configuration', 'namespace'] as const)('a %s is the person’s as well', (key) => {
  const history = overtaken(edited(demo, { ...input('demo'), [key]: 'mine' }), input('theirs'));
  expect(wentBack(history).now[key]).toBe('mine');
});

test('files that the person opened are the person’s', () => {
  const history = overtaken(exchanged(demo, input('opened')), input('theirs'));
  expect(wentBack(history).now).toEqual(input('opened'));
});

test('files that the person puts away come back, one step at a time, and there is an end', () => {
  const twice = exchanged(exchanged(own, input('second')), input('third'));
  expect(wentBack(twice).now).toEqual(input('second'));
  const first = wentBack(wentBack(twice));
  expect(first.now).toEqual(input('mine'));
  expect(wentBack(first)).toBe(first);
  expect(exchanged(own, input('mine')).earlier).toEqual([]);
  let many = own;
  for (let at = 0; at < 1_000; at += 1) many = exchanged(many, input(`${at}`));
  expect(many.earlier.length).toBe(50);
});
