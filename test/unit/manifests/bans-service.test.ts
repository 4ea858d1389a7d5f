/** The settings that the manifests have are settings of the service. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readServiceSettings, servedBy } from '../../../bans/service/service-settings.ts';

test('bans.yaml of the component is valid, and serves bans to callers by mTLS or token', () => {
  const file = 'manifests/kustomize/components/bans-service/bans.yaml';
  const settings = readServiceSettings(readFileSync(file, 'utf8'), file);
  expect(settings.listen.map((listener) => [listener.tls, servedBy(listener, settings)])).toEqual([
    ['spiffe', ['bans']],
  ]);
  expect(settings.callers).toBeDefined();
});
