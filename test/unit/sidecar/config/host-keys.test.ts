import { expect, test } from 'vitest';
import { checkSettings } from '../../../../sidecar/config/settings.ts';

const withHost = (host: string) => (): unknown =>
  checkSettings(
    { version: 1, rules: [{ name: 'i', mode: 'inject', audienceByHost: { [host]: 'a' } }] },
    'helper.yaml',
  );

test.each(['a.test', 'A.test:443', '[::1]:443', '*.a.test'])('%s names hosts', (host) => {
  expect(withHost(host)).not.toThrow();
});

test.each(['', '*', '*.a.test:443', 'a.*.test', '*.'])(
  '"%s" is refused instead of matching nothing',
  (host) => {
    expect(withHost(host)).toThrow('rules[0].audienceByHost');
    expect(withHost(host)).toThrow('must be a host, host:port or *.suffix, which has no port');
  },
);
