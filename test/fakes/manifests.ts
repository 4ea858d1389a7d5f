/** Manifests as people write them, in many styles; for property tests. */
import fc from 'fast-check';

interface ManifestStyle {
  readonly kind: 'Deployment' | 'StatefulSet' | 'CronJob' | 'Pod';
  readonly template: 'jwt-inject' | 'jwt-validate' | 'both' | 'spire' | 'none' | 'unknown';
  readonly quote: '' | "'" | '"';
  readonly isFlow: boolean;
  readonly hasComments: boolean;
  readonly listIndent: '' | '  ';
  readonly volumes: 'block' | 'flow' | 'with-socket';
  readonly labels: 'block' | 'flow' | 'absent' | 'null' | 'empty';
  readonly extra: string;
  readonly namespace: string | undefined;
}

const styles: fc.Arbitrary<ManifestStyle> = fc.record({
  kind: fc.constantFrom('Deployment', 'StatefulSet', 'CronJob', 'Pod'),
  template: fc.constantFrom('jwt-inject', 'jwt-validate', 'both', 'spire', 'none', 'unknown'),
  quote: fc.constantFrom('', "'", '"'),
  isFlow: fc.boolean(),
  hasComments: fc.boolean(),
  listIndent: fc.constantFrom('', '  '),
  volumes: fc.constantFrom('block', 'flow', 'with-socket'),
  labels: fc.constantFrom('block', 'flow', 'absent', 'null', 'empty'),
  extra: fc.constantFrom(
    '',
    'x-unknown: {a: [1, 2.50, ~]}',
    "quoted: 'it''s'",
    'tabbed:\t"\\u00e9"',
  ),
  namespace: fc.constantFrom(undefined, 'shop', 'stock'),
});

function annotationsOf(style: ManifestStyle): readonly string[] {
  const { template, quote } = style;
  if (template === 'none') return [];
  const names = template === 'both' ? 'jwt-inject, jwt-validate' : template;
  const listeners = ['svidecar.dev/inject-listeners: out', 'svidecar.dev/validate-listeners: "*"'];
  return [
    `inject.svidecar.dev/templates: ${quote}${names}${quote}`,
    `svidecar.dev/audience: ${quote}spiffe://example.org/shop${quote}`,
    ...(template === 'both' ? listeners : []),
  ];
}

function labelsOf(style: ManifestStyle): readonly string[] {
  switch (style.labels) {
    case 'block':
      return ['labels:', '  app: a'];
    case 'flow':
      return ['labels: { app: a }'];
    case 'null':
      return ['labels:'];
    case 'empty':
      return ['labels: {}'];
    case 'absent':
      return [];
    default:
      return style.labels satisfies never;
  }
}

function indented(lines: readonly string[], by: string): readonly string[] {
  return lines.map((line) => by + line);
}

function volumesOf(
  { volumes, quote, listIndent }: ManifestStyle,
  source: string,
): readonly string[] {
  const name = `${quote}${source}${quote}`;
  if (volumes === 'flow') return [`volumes: [{name: config, configMap: {name: ${name}}}]`];
  const socket = ['- name: sock', '  csi: {driver: csi.spiffe.io, readOnly: true}'];
  const config = ['- name: config', '  configMap:', `    name: ${name} # of Envoy`];
  const all = volumes === 'with-socket' ? [...socket, ...config] : config;
  return ['volumes:', ...indented(all, listIndent)];
}

function podSpec(style: ManifestStyle, source: string): readonly string[] {
  const { listIndent, isFlow, hasComments } = style;
  const containers = [
    '- {name: app, image: "shop/app:1"}',
    ...(hasComments ? ['# The proxy.'] : []),
    '- name: envoy',
    '  image: envoyproxy/envoy:v1.40.0',
    '  args: [-c, /etc/envoy/envoy.yaml]',
    ...(isFlow
      ? ['  volumeMounts: [{name: config, mountPath: /etc/envoy}]']
      : ['  volumeMounts:', '  - name: config', '    mountPath: /etc/envoy']),
  ];
  return [
    ...(hasComments ? ['# Two containers.'] : []),
    'containers:',
    ...indented(containers, listIndent),
    ...volumesOf(style, source),
    ...(style.extra === '' ? [] : [style.extra]),
  ];
}

function templateOf(style: ManifestStyle, source: string): readonly string[] {
  const annotations = annotationsOf(style);
  const metadata = [
    ...labelsOf(style),
    ...(annotations.length === 0 ? [] : ['annotations:', ...indented(annotations, '  ')]),
  ];
  return [
    ...(metadata.length === 0 ? [] : ['metadata:', ...indented(metadata, '  ')]),
    'spec:',
    ...indented(podSpec(style, source), '  '),
  ];
}

function workload(style: ManifestStyle, name: string): string {
  const { kind } = style;
  const template = templateOf(style, `${name}-envoy`);
  const namespace = style.namespace === undefined ? [] : [`  namespace: ${style.namespace}`];
  const version = { Deployment: 'apps/v1', StatefulSet: 'apps/v1', CronJob: 'batch/v1', Pod: 'v1' };
  const head = [`apiVersion: ${version[kind]}`, `kind: ${kind}`];
  if (kind === 'Pod') {
    const [first, ...rest] = template;
    const metadata = ['metadata:', `  name: ${name}`, ...namespace];
    const body = first === 'metadata:' ? [...metadata, ...rest] : [...metadata, ...template];
    return [...head, ...body].join('\n');
  }
  const job = ['schedule: "0 0 * * *"', 'jobTemplate:', '  spec:', '    template:'];
  const spec =
    kind === 'CronJob'
      ? [...job, ...indented(template, '      ')]
      : ['template:', ...indented(template, '  ')];
  const metadata = ['metadata:', `  name: ${name}`, ...namespace];
  return [...head, ...metadata, 'spec:', ...indented(spec, '  ')].join('\n');
}

function configMap(style: ManifestStyle, name: string): string {
  const namespace = style.namespace === undefined ? [] : [`  namespace: ${style.namespace}`];
  return [
    'apiVersion: v1',
    'kind: ConfigMap',
    'metadata:',
    `  name: ${name}-envoy`,
    ...namespace,
    'data:',
    '  envoy.yaml: |',
    ...indented(envoyLines, '    '),
  ].join('\n');
}

function listenerLines(name: string, direction: string): readonly string[] {
  const manager =
    'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
  return [
    `- name: ${name}`,
    `  traffic_direction: ${direction}`,
    '  filter_chains:',
    '  - filters:',
    '    - name: envoy.filters.network.http_connection_manager',
    '      typed_config:',
    `        "@type": ${manager}`,
    `        stat_prefix: ${name}`,
    '        route_config: {virtual_hosts: [{name: a, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: a}}]}]}',
    '        http_filters: # in order',
    '        - name: envoy.filters.http.router',
    '          typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}',
  ];
}

const envoyLines: readonly string[] = [
  'static_resources:',
  '  listeners:',
  ...indented(listenerLines('in', 'INBOUND'), '  '),
  ...indented(listenerLines('out', 'OUTBOUND'), '  '),
  '  clusters:',
  '  - name: a   # the app',
  '    type: STATIC',
];

/** Some document of one kind or another; `index` keeps the names apart. */
function documentOf(style: ManifestStyle, index: number): readonly string[] {
  const name = `w${index}`;
  return [workload(style, name), ...(index % 3 === 2 ? [] : [configMap(style, name)])];
}

function asListText(documents: readonly string[]): string {
  const items = documents.map((text) => text.replaceAll('\n', '\n  ')).map((text) => `- ${text}`);
  return ['apiVersion: v1', 'kind: List', 'items:', ...items].join('\n');
}

interface StreamStyle {
  readonly start: string;
  readonly separator: string;
  readonly end: string;
  readonly isList: boolean;
  readonly hasCrlf: boolean;
}

const streams: fc.Arbitrary<StreamStyle> = fc.record({
  start: fc.constantFrom('', '---\n', '# A shop\n', '# A shop\n---\n', '\uFEFF', '\n\n'),
  separator: fc.constantFrom(
    '\n---\n',
    '\n---\n# next\n',
    '\n...\n---\n',
    '\n\n---\n\n',
    '\n--- # x\n',
  ),
  end: fc.constantFrom(
    '',
    '\n',
    '\n\n',
    '\n# end',
    '\n# end\n',
    '\n...\n',
    '\n---\n',
    '\n---',
    '\n...\n# after\n',
  ),
  isList: fc.boolean(),
  hasCrlf: fc.boolean(),
});

const foreign =
  'apiVersion: example.org/v1\nkind: Thing\nspec:   {keep:  [ this,as ,  it ] , is: "\\x41"}';

/** A text of one to four workloads, some of them with their Envoy configuration, and an object of an unknown kind. */
export const manifestTexts: fc.Arbitrary<string> = fc
  .tuple(fc.array(styles, { minLength: 1, maxLength: 4 }), streams)
  .map(([list, { start, separator, end, isList, hasCrlf }]) => {
    const documents = [...list.flatMap(documentOf), foreign];
    const body = isList ? asListText(documents) : documents.join(separator);
    const text = start + body + end;
    return hasCrlf ? text.replaceAll('\n', '\r\n') : text;
  });
