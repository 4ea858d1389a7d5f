import { expect, test } from 'vitest';
import { parseSpiffeId } from '#kernel/spiffe-id.ts';
import { secretName } from '../../../../sidecar/config/helper-contract.ts';
import { HelperLog } from '../../../../sidecar/helper/helper-log.ts';
import { NativePath } from '../../../../sidecar/helper/native-path.ts';
import { TokenSources } from '../../../../sidecar/helper/token-sources.ts';
import { readStateResponse, stateRequest, type Told } from '../../../fakes/discovery.ts';
import { ManualTimers } from '../../../fakes/manual-timers.ts';

const spiffeId = parseSpiffeId('spiffe://example.org/a');
const names = [secretName('b')];

test('where the clock was set forward, the look of each second takes back a token that has ended', () => {
  const timers = new ManualTimers();
  const issuedAtS = timers.now() / 1_000;
  const issued = { token: 't', spiffeId, issuedAtS, expiresAtS: issuedAtS + 100 };
  const tokens = new TokenSources(() => ({
    current: () => issued,
    problem: () => undefined,
    onChange: () => () => undefined,
    close: () => undefined,
  }));
  const path = new NativePath(
    [{ name: 'i', mode: 'inject', authorization: 'deny', audience: 'b' }],
    {
      tokens,
      bundles: () => {
        throw new TypeError('a helper that only injects watches no bundles');
      },
      timers,
      log: new HelperLog(() => undefined, timers.now.bind(timers)),
    },
  );
  const told: Told[] = [];
  const stream = path.streams.get('/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets');
  const listener = stream?.({
    send: (message) => told.push(readStateResponse(message)),
    end: () => undefined,
  });
  listener?.onMessage(stateRequest({ names }));
  const { nonce = '', version = '' } = told[0] ?? {};
  listener?.onMessage(stateRequest({ names, nonce, version }));
  timers.jump(200_000);
  path.tidy(0);
  expect(told.map(({ secrets }) => Object.values(secrets))).toEqual([['Bearer t'], ['']]);
});
