import { beforeAll, describe, expect, test } from 'vitest';
import { runSvidecar } from '../../../fakes/fake-terminal.ts';

const written = `apiVersion: apps/v1
kind: Deployment
metadata: {name: backend, namespace: shop}
spec:
  selector: {matchLabels: {app: backend}}
  template:
    metadata:
      labels: {app: backend}
      annotations:
        inject.svidecar.dev/templates: jwt-validate
        svidecar.dev/audience: backend
        svidecar.dev/envoy-container: istio-proxy
    spec: {containers: [{name: app, image: app:1}]}
`;

const run = async (command: string, stdin: string): Promise<string> =>
  (await runSvidecar([command, '-'], { stdin })).out;

/** What `inject` printed for it. */
let printed: string;
/** The same, with what somebody changed in the EnvoyFilter. */
let narrowed: string;

beforeAll(async () => {
  printed = await run('inject', written);
  narrowed = printed.replace('context: SIDECAR_INBOUND', 'context: GATEWAY');
  expect(narrowed).not.toBe(printed);
});

describe('explain', () => {
  test('says which EnvoyFilter selects the pods, by which label, and where each filter lands', async () => {
    const out = await run('explain', written);
    expect(out).toMatch(
      /envoy_filter_planned +.*EnvoyFilter istio-svidecar-\w{32} adds to it what is asked for, and selects its pods by the label svidecar.dev\/envoy-filter/,
    );
    expect(out).toMatch(
      /adds svidecar.jwt-validate for jwt-validate to all inbound listeners, directly before the router, and closes what is not HTTP/,
    );
    expect(out).not.toContain('envoy_filter_differs');
  });

  test('says nothing more of one that inject appended', async () => {
    expect(await run('explain', printed)).not.toContain('envoy_filter_differs');
  });

  test('of one that somebody changed says where, and what inject does', async () => {
    expect(await run('explain', narrowed)).toMatch(
      /envoy_filter_differs +EnvoyFilter shop\/istio-svidecar-\w+ exists, but its spec.configPatches\[1\].match.context is not what svidecar writes; inject writes it anew/,
    );
    const own = narrowed.replaceAll(/# Made by svidecar inject.*\n/g, '');
    expect(await run('explain', own)).toContain('remove it from the manifests, and inject writes');
  });

  test('of one of somebody else says so', async () => {
    const foreign = printed.replace('app.kubernetes.io/managed-by: svidecar', 'made-by: me');
    expect(await run('explain', foreign)).toContain("exists, but is not svidecar's");
  });
});

describe('diff', () => {
  test('shows the EnvoyFilter as a whole where there was none, and its contents once', async () => {
    const out = await run('diff', written);
    expect(out).toMatch(/^--- \/dev\/null\n\+\+\+ EnvoyFilter shop\/istio-svidecar-\w{32}\n/m);
    expect(out.split('+kind: EnvoyFilter')).toHaveLength(2);
    expect(out).not.toContain('+++ ConfigMap shop/istio-svidecar-');
  });

  test('shows nothing of one that stands', async () => {
    expect(await run('diff', printed)).toBe('');
    const live = printed.replace(
      '\n  labels:\n',
      '\n  resourceVersion: "7"\n  labels:\n    mine: x\n',
    );
    expect(await run('diff', live)).not.toContain('EnvoyFilter shop');
  });

  test('shows what inject puts right', async () => {
    const out = await run('diff', narrowed);
    expect(out).toMatch(
      /^--- EnvoyFilter shop\/istio-svidecar-(\w+)\n\+\+\+ EnvoyFilter shop\/istio-svidecar-\1\n/m,
    );
    expect(out).toMatch(/^-\s+context: GATEWAY\n\+\s+context: SIDECAR_INBOUND$/m);
  });

  test('compares with the one of the former plan, whatever the order of its members', async () => {
    const asked = printed.replace(
      'svidecar.dev/audience: backend',
      'svidecar.dev/audience: backend\n        svidecar.dev/data-path: native',
    );
    const out = await run('diff', asked);
    const names = [...out.matchAll(/^[-+]{3} EnvoyFilter shop\/istio-svidecar-(\w+)/gm)];
    expect(names).toHaveLength(2);
    expect(names[0]?.[1]).not.toBe(names[1]?.[1]);
    expect(out).not.toContain('-kind: EnvoyFilter');
    expect(out).toMatch(/^-\s+envoy.filters.http.ext_authz|^-.*ExtAuthz/m);
  });
});
