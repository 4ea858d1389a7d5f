// Which way imports go. The rooms are in scripts/lint/rooms.ts and in AGENTS.md; `scripts/check` also fails when fewer modules are
// cruised than git lists, because the tool exits 0 on an empty cruise.
import { rooms } from './scripts/lint/rooms.ts';

const purePackages =
  '(^|/)node_modules/(yaml|js-yaml|fast-json-patch|zod|jose|lru-cache|diff|@bufbuild/protobuf)/';
const pureFolders = `^(${rooms
  .filter(({ isPure }) => isPure)
  .map(({ folder }) => folder)
  .join('|')})/`;

const inside = (place) => (place.endsWith('.ts') ? `${place.replace('.', '\\.')}$` : `${place}/`);

/** One room may import only what it names (and itself). */
const importsOf = ({ folder, imports }) => ({
  name: `${folder.replaceAll('/', '-')}-imports`,
  severity: 'error',
  from: { path: `^${folder}/` },
  to: {
    path: '^(webhook|sidecar|certs|bans|images|scripts|test)/',
    pathNot: `^(${[folder, ...imports].map(inside).join('|')})`,
  },
});

export default {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-orphans',
      severity: 'error',
      from: {
        orphan: true,
        path: '^(webhook|sidecar|certs|bans)/',
        // scripts/pages.ts puts browser-*.ts in the place of what Node has.
        pathNot:
          '(main\\.ts$|\\.d\\.ts$|^sidecar/(gen|kernel)/|^webhook/spire/gen/|^webhook/pages/workbench/browser-)',
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
        path: '^(webhook|sidecar|certs|bans)/',
        pathNot:
          '^(sidecar/config/|bans/service/|webhook/(templates|request)/|webhook/injection/status\\.ts$)',
      },
      to: { path: '(^|/)node_modules/zod/' },
    },
    ...rooms.map(importsOf),
    importsOf({ folder: 'sidecar', imports: [] }),
    {
      name: 'webhook-takes-only-kernel-and-config-of-the-sidecar',
      severity: 'error',
      // SPIRE's server knows the webhook by its X.509-SVID, which comes over the helper's client: shared, not copied. So is how
      // a folder is watched, which needs nothing else of the sidecar.
      from: { path: '^webhook/', pathNot: '^webhook/(main\\.ts$|spire/)' },
      to: { path: '^sidecar/', pathNot: '^sidecar/(kernel/|config/|helper/watch-folder\\.ts$)' },
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
      from: { path: '^webhook/', pathNot: '^webhook/kube/' },
      to: { path: '(^|/)node_modules/@kubernetes/' },
    },
    {
      name: 'pages-run-in-a-browser',
      comment: 'Nothing of Node, and nothing that a server is made of.',
      severity: 'error',
      from: { path: '^webhook/pages/' },
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
        pathNot: '(^|/)node_modules/(preact|codemirror|@codemirror|@noble)/',
      },
    },
    {
      name: 'only-pages-run-in-a-browser',
      severity: 'error',
      from: { path: '^(webhook|sidecar|certs|bans)/', pathNot: '^webhook/pages/' },
      to: { path: '^webhook/pages/|(^|/)node_modules/(preact|codemirror|@codemirror|@noble)/' },
    },
    {
      name: 'fastify-only-in-the-server',
      severity: 'error',
      from: { path: '^webhook/', pathNot: '^webhook/(server|console-server)/' },
      to: { path: '(^|/)node_modules/(fastify|@fastify|prom-client)/' },
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
