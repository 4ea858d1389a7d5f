/** What the patcher does, and refuses, where Envoy's own filters take the place of ext_authz. */
import { describe, expect, test } from 'vitest';
import { nativeInject, nativeValidate } from '../../../golden/envoy/cases.ts';
import {
  bootstrap,
  listener,
  manager,
  patched,
  plain,
  router,
} from '../../../fakes/short-envoys.ts';

describe('the native data path', () => {
  const authz =
    '{name: envoy.filters.http.ext_authz, typed_config: {"@type": x/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz, grpc_service: {envoy_grpc: {cluster_name: helper}, initial_metadata: [{key: svidecar-rule, value: jwt-validate}]}}}';

  test('is refused where the helper is asked by hand-written wiring, which it would not answer', () => {
    const text = bootstrap(listener('web', manager(`[${authz}, ${router}]`)));
    expect(() => patched(text, nativeValidate)).toThrow(
      /:3:\d+: filter envoy\.filters\.http\.ext_authz asks the helper about each request.*choose the data path ext-authz$/,
    );
  });

  test('leaves alone an ext_authz filter that asks somebody else', () => {
    const other = authz.replaceAll(/, initial_metadata: \[[^\]]*\]/g, '');
    const text = bootstrap(listener('web', manager(`[${other}, ${router}]`)));
    expect(patched(text, nativeValidate)).toContain('{name: svidecar.jwt-validate, ');
  });

  test('is refused where a route sets something for the filter that is not there', () => {
    const route =
      ', route_config: {virtual_hosts: [{routes: [{typed_per_filter_config: {envoy.filters.http.ext_authz: {disabled: true}}}]}]}';
    const text = bootstrap(listener('web', manager(`[${router}]`, route)));
    expect(() => patched(text, nativeInject)).toThrow(
      /:3:\d+: a route sets something for envoy\.filters\.http\.ext_authz/,
    );
  });

  test.each([
    [
      'nothing',
      '',
      'node: \\{ ?id: web.demo, cluster: web.demo ?\\}|node:\\n  id: web.demo\\n  cluster: web.demo',
    ],
    ['an id', 'node: {id: own}\n', 'node: \\{id: own, cluster: web.demo\\}'],
    ['both', 'node: {id: own, cluster: mine}\n', 'node: \\{id: own, cluster: mine\\}'],
    ['no value', 'node:\n', 'node:\\s+id: web.demo\\s+cluster: web.demo'],
  ])('gives a bootstrap that says %s of its node what SDS needs', (_what, node, expected) => {
    expect(patched(`${node}${plain}`, nativeInject)).toMatch(new RegExp(expected));
    expect(patched(`${node}${plain}`, nativeValidate)).not.toContain('web.demo');
  });

  test.each([
    ['node: {id: "", cluster: b}\n', /:1:\d+: node\.id is empty, which Envoy treats as absent/],
    ['node: x\n', /:1:\d+: node is not a map/],
  ])('is refused where the node cannot be completed by an insertion: %j', (node, why) => {
    expect(() => patched(`${node}${plain}`, nativeInject)).toThrow(why);
  });
});
