/** An injected bundle whose workload is whole and whose ConfigMaps are not: nobody is told that all is well. */
import { beforeAll, describe, expect, test } from 'vitest';
import { runSvidecar } from '../../../fakes/fake-terminal.ts';

let injected = '';
let tampered = '';
let bare = '';

beforeAll(async () => {
  injected = (await runSvidecar(['inject', '-q', 'manifests/demo/backend.yaml'])).out;
  tampered = injected.replace(/^( +)"mode": "validate",$/m, '$&\n$1"skipPaths": ["/*"],');
  // As other tools hand it on: without comments, so that nothing says whose documents they are.
  bare = tampered.replaceAll(/^# Made by svidecar.*\n/gm, '');
  expect(tampered).not.toBe(injected);
});

const differs =
  /ConfigMap demo\/svidecar-[0-9a-f]{32} exists, but does not hold what svidecar makes/;

describe.each(['explain', 'inject'])('%s of ConfigMaps', (command) => {
  const told = async (stdin: string): Promise<string> => {
    const { out, err } = await runSvidecar([command], { stdin });
    return command === 'inject' ? err : `${out}${err}`;
  };

  test('as they should be says nothing of them', async () => {
    const text = await told(injected);
    expect(text).toContain('the pod template already has everything that was asked for');
    expect(text).not.toContain('does not hold what');
  });

  test('that inject appended, and somebody changed', async () => {
    const text = await told(tampered);
    expect(text).toMatch(differs);
    expect(text).toContain('inject writes it anew');
  });

  test('that stand among the manifests, and somebody changed', async () => {
    const text = await told(bare);
    expect(text).toMatch(differs);
    expect(text).toContain('remove it from the manifests');
  });
});

test('what inject says of them is what it does', async () => {
  const again = await runSvidecar(['inject', '-q'], { stdin: tampered });
  expect(again.out).toBe(injected);
  const left = await runSvidecar(['inject', '-q'], { stdin: bare });
  expect(left.out).toBe(bare);
});

test('explain -o json has the step', async () => {
  const { out } = await runSvidecar(['explain', '-o', 'json'], { stdin: tampered });
  expect(out).toContain('"configmap_differs"');
});
