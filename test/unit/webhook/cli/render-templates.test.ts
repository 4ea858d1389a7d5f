import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { engineFor } from '../../../fakes/engine.ts';
import { runSvidecar } from '../../../fakes/fake-terminal.ts';

test.each(engineFor().library.names)(
  '%s is printed, with what repeats as it is written',
  async (name) => {
    const { code, out, err } = await runSvidecar(['render', 'templates', name]);
    expect([code, err]).toEqual([0, '']);
    expect(parse(out)).toMatchObject({ name });
  },
);

test("what each port gets stays, and the configuration's values are filled in", async () => {
  const { out } = await runSvidecar(['render', 'templates', 'envoy']);
  expect(out).toContain('$each: ${proxyInbound}');
  expect(out).toContain('image: envoyproxy/envoy:v1.40.0');
});
