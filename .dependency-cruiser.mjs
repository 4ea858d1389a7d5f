// Which way imports go. The picture is in AGENTS.md; `scripts/check` also fails when fewer modules are
// cruised than git lists, because the tool exits 0 on an empty cruise.

const purePackages = '(^|/)node_modules/(yaml|js-yaml|fast-json-patch|zod|jose|lru-cache)/';
const pure = [
  'webhook/admission',
  'webhook/templates',
  'webhook/injection',
  'webhook/editing',
  'webhook/envoy',
  'webhook/desired',
  'webhook/checks',
  'webhook/manifests',
  'sidecar/kernel',
  'sidecar/config',
  'sidecar/protobuf',
  'sidecar/jwt',
  'sidecar/authz',
  'sidecar/sds',
  'certs/plan',
];
const pureFolders = `^(${pure.join('|')})/`;

/** One room may import only what `to` names (and itself). */
const room = (from, to) => ({
  name: `${from.replaceAll('/', '-')}-imports`,
  severity: 'error',
  from: { path: `^${from}/` },
  to: { path: '^(webhook|sidecar|certs|scripts|test)/', pathNot: `^(${[from, ...to].join('|')})/` },
});

export default {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-orphans',
      severity: 'error',
      from: {
        orphan: true,
        path: '^(webhook|sidecar|certs)/',
        pathNot: '(main\\.ts$|^sidecar/(gen|kernel)/)',
      },
      to: {},
    },
    { name: 'unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'pure-folders-need-nothing-from-outside',
      comment: 'Values in, values out: no files, network, clock, process, framework or logger.',
      severity: 'error',
      from: { path: pureFolders },
      to: {
        dependencyTypes: [
          'core',
          'npm',
          'npm-dev',
          'npm-optional',
          'npm-peer',
          'npm-no-pkg',
          'npm-unknown',
        ],
        pathNot: [
          purePackages,
          // Hashing and signature checks are functions of their input.
          '^crypto$',
          '^node:crypto$',
        ],
      },
    },
    {
      name: 'zod-only-where-settings-are-read',
      severity: 'error',
      from: {
        path: '^(webhook|sidecar|certs)/',
        pathNot: '^(sidecar/config|webhook/(templates|injection))/',
      },
      to: { path: '(^|/)node_modules/zod/' },
    },
    room('sidecar/kernel', []),
    room('sidecar/config', ['sidecar/kernel']),
    room('sidecar/jwt', ['sidecar/kernel']),
    room('sidecar/protobuf', []),
    room('sidecar/authz', ['sidecar/kernel', 'sidecar/config', 'sidecar/jwt', 'sidecar/protobuf']),
    room('sidecar/sds', ['sidecar/kernel', 'sidecar/config', 'sidecar/jwt', 'sidecar/protobuf']),
    room('sidecar/workload-api', ['sidecar/kernel', 'sidecar/jwt', 'sidecar/gen']),
    room('sidecar/stand-ins', ['sidecar/kernel', 'sidecar/gen']),
    room('sidecar/server', ['sidecar/kernel', 'sidecar/authz', 'sidecar/sds', 'sidecar/gen']),
    room('sidecar/helper', [
      'sidecar/kernel',
      'sidecar/config',
      'sidecar/jwt',
      'sidecar/authz',
      'sidecar/sds',
      'sidecar/workload-api',
      'sidecar/server',
    ]),
    room('sidecar', []),
    room('images/demo', ['sidecar/kernel']),
    room('certs/plan', ['sidecar/kernel']),
    // The webhook's SVID comes over the same Workload API as the helper's: its client is shared, not copied.
    room('certs', ['sidecar/kernel', 'sidecar/workload-api']),
    room('webhook/editing', ['sidecar/kernel']),
    room('webhook/envoy', ['sidecar/kernel', 'webhook/editing']),
    room('webhook/templates', ['sidecar/kernel', 'sidecar/config']),
    room('webhook/injection', [
      'sidecar/kernel',
      'sidecar/config',
      'webhook/templates',
      'webhook/editing',
      'webhook/envoy',
    ]),
    room('webhook/admission', [
      'sidecar/kernel',
      'webhook/editing',
      'webhook/injection',
      'webhook/envoy',
      'webhook/templates',
    ]),
    room('webhook/desired', [
      'sidecar/kernel',
      'sidecar/config',
      'webhook/injection',
      'webhook/envoy',
      'webhook/templates',
    ]),
    room('webhook/checks', [
      'sidecar/kernel',
      'certs/plan',
      'sidecar/config',
      'webhook/editing',
      'webhook/injection',
      'webhook/envoy',
      'webhook/admission',
      'webhook/desired',
    ]),
    room('webhook/manifests', [
      'sidecar/kernel',
      'webhook/editing',
      'webhook/injection',
      'webhook/admission',
      'webhook/desired',
      'webhook/checks',
    ]),
    room('webhook/files', ['sidecar/kernel', 'webhook/injection', 'certs', 'webhook/templates']),
    room('webhook/survey', [
      'sidecar/kernel',
      'webhook/checks',
      'webhook/cluster',
      'webhook/injection',
    ]),
    room('webhook/dev', ['sidecar/kernel', 'sidecar/config']),
    room('webhook/server', ['sidecar/kernel', 'webhook/admission', 'certs']),
    room('webhook/cluster', ['sidecar/kernel', 'webhook/desired']),
    {
      name: 'webhook-takes-only-kernel-and-config-of-the-sidecar',
      severity: 'error',
      from: { path: '^webhook/', pathNot: '^webhook/main\\.ts$' },
      to: { path: '^sidecar/', pathNot: '^sidecar/(kernel|config)/' },
    },
    {
      name: 'sidecar-stays-small',
      severity: 'error',
      from: { path: '^sidecar/' },
      to: { path: '(^|/)node_modules/(@kubernetes|fastify|pino|prom-client|commander)/' },
    },
    {
      name: 'one-technology-a-folder',
      severity: 'error',
      from: { path: '^webhook/', pathNot: '^webhook/cluster/' },
      to: { path: '(^|/)node_modules/@kubernetes/' },
    },
    {
      name: 'fastify-only-in-the-server',
      severity: 'error',
      from: { path: '^webhook/', pathNot: '^webhook/server/' },
      to: { path: '(^|/)node_modules/(fastify|prom-client)/' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
