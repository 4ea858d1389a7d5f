import { expect, test } from 'vitest';
import { separatorsIn, spellingsOf } from '../../../../sidecar/config/header-spellings.ts';

test('every spelling with other separators, the name itself first', () => {
  expect(spellingsOf('x_caller')).toEqual(['x_caller', 'x-caller', 'x.caller']);
  expect(spellingsOf('caller')).toEqual(['caller']);
  const four = spellingsOf('x-a-b-c-d');
  expect(new Set(four).size).toBe(81);
  expect(four).toContain('x_a.b-c_d');
  expect(separatorsIn('x-a_b.c')).toBe(3);
});
