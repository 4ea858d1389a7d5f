/** Files that Envoy reads otherwise than they look: never told as something else than what Envoy makes of them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { EnvoyPatch, FilterAddition } from '../../../../webhook/envoy/patch-contract.ts';
import { patchEnvoy } from '../../../../webhook/envoy/patch-envoy.ts';

const folder = join(import.meta.dirname, '../../../fixtures/field/envoy-reader');
const fixture = (name: string): string => readFileSync(join(folder, name), 'utf8');

const inbound: FilterAddition = {
  rule: 'jwt-validate',
  direction: 'inbound',
  place: 'before-terminal',
  filter: { name: 'svidecar.jwt-validate' },
};
const outbound: FilterAddition = {
  rule: 'jwt-inject',
  direction: 'outbound',
  place: 'before-terminal',
  carriesToken: true,
  filter: { name: 'svidecar.jwt-inject' },
};

interface Given {
  readonly files: Readonly<Record<string, string>>;
  readonly main?: string;
  readonly paths?: Readonly<Record<string, string>>;
  readonly filter?: FilterAddition;
}

function patch({ files, main = 'envoy.yaml', paths, filter = inbound }: Given): EnvoyPatch {
  const source = { name: 'ConfigMap demo/cfg', files, main, directory: '/etc/envoy' };
  return patchEnvoy(
    { ...source, ...(paths === undefined ? {} : { paths }) },
    { filters: [filter], clusters: [] },
  );
}

const idOf = (warnings: EnvoyPatch['warnings']): readonly string[] => warnings.map(({ id }) => id);

describe('refused, with the place and what to do', () => {
  test.each<readonly [string, Given, RegExp]>([
    [
      'a bare key in JSON',
      { files: { 'envoy.json': fixture('json-with-a-bare-key.json') }, main: 'envoy.json' },
      /envoy\.json:\d+:\d+: Envoy reads a file as JSON unless its name ends in \.yaml or \.yml, and this is not JSON \(unexpected character, expected key\)/,
    ],
    [
      'a trailing comma in JSON',
      { files: { 'envoy.json': fixture('json-with-a-trailing-comma.json') }, main: 'envoy.json' },
      /envoy\.json:\d+:\d+: .* expected value\)/,
    ],
    [
      'a bare key in routes of JSON',
      {
        files: {
          'envoy.yaml': fixture('routes-from-a-json-file.yaml'),
          'rds.json': fixture('routes-with-a-bare-key.json'),
        },
      },
      /rds\.json:7:76: .*this is not JSON/,
    ],
    [
      'routes as the text of a protobuf message',
      {
        files: {
          'envoy.yaml': fixture('routes-from-a-protobuf-text.yaml'),
          'rds.pb_text': fixture('routes.pb_text'),
        },
      },
      /Envoy reads \/etc\/envoy\/rds\.pb_text as protobuf/,
    ],
    [
      'YAML that is mounted at a path of JSON',
      {
        files: { 'envoy.yaml': fixture('json-with-a-bare-key.json') },
        paths: { '/etc/envoy/envoy.json': 'envoy.yaml' },
      },
      /this is not JSON/,
    ],
    [
      'one key at two paths',
      {
        files: { 'envoy.yaml': '{}' },
        paths: { '/etc/envoy/envoy.json': 'envoy.yaml', '/etc/envoy/envoy.yml': 'envoy.yaml' },
      },
      /Envoy sees envoy\.yaml at two paths/,
    ],
    [
      'a tag of YAML',
      { files: { 'envoy.yaml': 'a: !!str true\n' } },
      /envoy\.yaml:1:4: a tag, which Envoy reads differently from other readers/,
    ],
    [
      'the tag under another name',
      { files: { 'envoy.yaml': '%TAG !! !\n---\n!!ignore a: 1\n' } },
      /envoy\.yaml:3:1: a tag/,
    ],
    [
      'a merge key',
      {
        files: {
          'envoy.yaml': fixture('clusters-from-a-file.yaml'),
          'cds.yaml': fixture('cluster-with-a-merge-key.yaml'),
        },
        filter: outbound,
      },
      /cds\.yaml:19:5: a merge key \(<<\), which Envoy does not merge/,
    ],
    [
      'listeners in a file that is not there',
      { files: { 'envoy.yaml': fixture('listeners-from-a-file.yaml') } },
      /envoy\.yaml:3:3: the listeners should come from \/etc\/envoy\/lds\.yaml, which is not among the files that the container gets from this ConfigMap/,
    ],
    [
      'filters in lists of lists',
      {
        files: {
          'envoy.yaml': fixture('tls-that-accepts-anybody.yaml').replace(
            /- (name: envoy\.filters\.http\.router\n) +typed_config:\n +/,
            `- - $1${' '.repeat(22)}typed_config:\n${' '.repeat(24)}`,
          ),
        },
        filter: outbound,
      },
      /http_filters has lists in it/,
    ],
  ])('%s', (_what, given, message) => {
    expect(() => patch(given)).toThrow(message);
  });
});

describe('read as Envoy reads it', () => {
  test('a direction that is ignored', () => {
    const text = fixture('direction-that-is-ignored.yaml');
    const { insertions } = patch({ files: { 'envoy.yaml': text } });
    expect(insertions['envoy.yaml']).toHaveLength(2);
  });

  test('TLS that is ignored', () => {
    const files = { 'envoy.yaml': fixture('tls-that-is-ignored.yaml') };
    expect(idOf(patch({ files, filter: outbound }).warnings)).toContain('token_without_tls');
  });

  test('a key that stands twice, and once is ignored', () => {
    const text = fixture('direction-that-is-ignored.yaml').replace(
      '  clusters:',
      '  !ignore clusters: &c\n    - {name: other}\n  clusters:',
    );
    const additions = { filters: [inbound], clusters: [{ name: 'x', cluster: { name: 'x' } }] };
    const filter = { ...inbound, filter: { name: 'f', cluster: '${cluster:x}' } };
    const source = {
      name: 'ConfigMap demo/cfg',
      files: { 'envoy.yaml': text },
      main: 'envoy.yaml',
    };
    const { files } = patchEnvoy(source, { ...additions, filters: [filter] });
    expect(files['envoy.yaml']).toMatch(/port_value: 9090\}{3}\n {4}- name: x\n/);
  });

  test.each(['accept_untrusted', 'Accept_Untrusted', '"1"', '1', '0x1', '01'])(
    'TLS that accepts anybody: %s',
    (spelling) => {
      const text = fixture('tls-that-accepts-anybody.yaml').replace('accept_untrusted', spelling);
      const { warnings } = patch({ files: { 'envoy.yaml': text }, filter: outbound });
      expect(idOf(warnings)).toContain('token_without_tls');
    },
  );

  test.each(['outbound', 'Outbound', '2', '"2"', '0x2'])('a direction: %s', (spelling) => {
    const text = fixture('tls-that-accepts-anybody.yaml').replace('OUTBOUND', spelling);
    expect(() => patch({ files: { 'envoy.yaml': text } })).toThrow(/no listener .* is left/);
  });

  test.each(['NO', 'off', 'n', '"f"', '{value: no}', '{}'])(
    'a port that is not bound: %s',
    (no) => {
      const text = fixture('tls-that-accepts-anybody.yaml').replace(
        'traffic_direction: OUTBOUND',
        `bind_to_port: ${no}`,
      );
      const files = { 'envoy.yaml': text };
      const source = { name: 'ConfigMap demo/cfg', files, main: 'envoy.yaml' };
      const additions = { filters: [inbound], clusters: [], takenPorts: [8443] };
      expect(idOf(patchEnvoy(source, additions).warnings)).not.toContain('port_clash');
    },
  );

  test('numbers and words that YAML 1.2 reads otherwise stay what they are around an edit', () => {
    const text = fixture('tls-that-accepts-anybody.yaml').replace(
      'node: {id: a, cluster: b}',
      'node: {id: a, cluster: b, metadata: {y: 010, z: [yes, 1.0, 1e3, 0x1F, 4294967295]}}',
    );
    const filter = {
      ...outbound,
      filter: { ...outbound.filter, share: 0.25, size: 4_294_967_295 },
    };
    const { files } = patch({ files: { 'envoy.yaml': text }, filter });
    expect(files['envoy.yaml']).toContain('share: 0.25');
    expect(files['envoy.yaml']).toContain('{y: 010, z: [yes, 1.0, 1e3, 0x1F, 4294967295]}');
  });

  test('JSON in a file of YAML stays JSON', () => {
    const text = fixture('json-with-a-trailing-comma.json').replace('}},]', '}}]');
    const { files } = patch({ files: { 'envoy.yaml': text } });
    expect(() => {
      JSON.parse(files['envoy.yaml'] ?? '');
    }).not.toThrow();
    const json = patch({ files: { 'envoy.JSON': text }, main: 'envoy.JSON' });
    expect(json.files['envoy.JSON']).toBe(files['envoy.yaml']);
  });

  test('what a script makes YAML of, in a file of another name', () => {
    const text = fixture('tls-that-accepts-anybody.yaml');
    const { files } = patch({
      files: { 'envoy.tmpl': text },
      main: 'envoy.tmpl',
      filter: outbound,
    });
    expect(files['envoy.tmpl']).toContain('svidecar.jwt-inject');
  });
});

test('an alias that Envoy would have to merge is not edited', () => {
  const text = fixture('tls-that-accepts-anybody.yaml')
    .replace('                http_filters:\n', '                http_filters: &filters\n')
    .replace('  clusters:\n', '  clusters: &clusters\n');
  const filter: FilterAddition = { ...outbound, listeners: ['outbound'] };
  const twice = `${text}stats_config: {stats_tags: *filters}\n`;
  expect(() => patch({ files: { 'envoy.yaml': twice }, filter })).toThrow(/anchor and alias/);
});
