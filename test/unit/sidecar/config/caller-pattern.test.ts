import { expect, test } from 'vitest';
import { checkSettings } from '../../../../sidecar/config/settings.ts';

const withCaller = (pattern: string) => (): unknown =>
  checkSettings(
    {
      version: 1,
      rules: [{ name: 'v', mode: 'validate', audiences: ['a'], allowCallers: [pattern] }],
    },
    'helper.yaml',
  );

test.each(['spiffe://example.org', 'spiffe://example.org/a', 'spiffe://example.org/a/*'])(
  '%s names callers',
  (pattern) => {
    expect(withCaller(pattern)).not.toThrow();
  },
);

test.each(['', '*', 'example.org', 'spiffe://example.org/a*', 'spiffe://*', 'spiffe://a/../*'])(
  '"%s" is refused instead of letting nobody in',
  (pattern) => {
    expect(withCaller(pattern)).toThrow(/allowCallers\[0\]/);
    expect(withCaller(pattern)).toThrow('matches no caller');
  },
);
