import { expect, it } from 'vitest';
import { Sessions } from '../../../../webhook/console-server/sessions.ts';

it('lets each address in once, and says of a second time that it was the second', () => {
  const sessions = new Sessions();
  const token = sessions.issue();
  const first = sessions.exchange(token);
  const key = 'key' in first ? first.key : '';
  expect(sessions.isKnown(key)).toBe(true);
  expect(sessions.isKnown(token)).toBe(false);
  expect(sessions.exchange(token)).toEqual({ fault: 'used' });
  expect(sessions.exchange(key)).toEqual({ fault: 'unknown' });
  expect(sessions.exchange('__proto__')).toEqual({ fault: 'unknown' });
});

it('keeps few addresses that wait', () => {
  const sessions = new Sessions();
  const tokens = Array.from({ length: 6 }, () => sessions.issue());
  expect(sessions.exchange(tokens[0] ?? '')).toEqual({ fault: 'unknown' });
  expect(sessions.exchange(tokens[1] ?? '')).toHaveProperty('key');
});
