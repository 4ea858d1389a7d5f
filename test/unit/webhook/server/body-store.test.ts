import { expect, test } from 'vitest';
import { BodyStore } from '../../../../webhook/server/body-store.ts';

test('where memory is short the bodies that began first are cut, as many as it takes', () => {
  const cut: string[] = [];
  const store = new BodyStore(100);
  const take = (name: string, bytes: number): (() => void) =>
    store.take({ bytes, cut: () => cut.push(name) });
  take('first', 40);
  take('second', 40);
  take('third', 20);
  expect(cut).toEqual([]);
  take('fourth', 60);
  expect(cut).toEqual(['first', 'second']);
  take('fifth', 20);
  expect(cut).toEqual(['first', 'second']);
});

test('memory that was given back, once or twice, is there again once', () => {
  const cut: string[] = [];
  const store = new BodyStore(100);
  const take = (name: string, bytes: number): (() => void) =>
    store.take({ bytes, cut: () => cut.push(name) });
  const release = take('first', 60);
  take('second', 40);
  release();
  release();
  take('third', 60);
  expect(cut).toEqual([]);
  take('fourth', 1);
  expect(cut).toEqual(['second']);
});
