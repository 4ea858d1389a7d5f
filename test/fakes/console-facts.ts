/** What a console of a busy cluster is told: as many workloads as wanted, each status among them. */
import type {
  ClusterStanding,
  CoverageCounts,
  CoverageStatus,
  HelperView,
  NamespaceRow,
  WorkloadRow,
  WorkloadView,
} from '../../webhook/console/console-model.ts';

/** Of 20 neighbours: most are injected, as in a cluster that is cared for. */
const statuses: readonly CoverageStatus[] = [
  'injected',
  'injected',
  'injected',
  'not_asked',
  'injected',
  'injected',
  'stale',
  'injected',
  'not_asked',
  'injected',
  'injected',
  'missing',
  'injected',
  'left_alone',
  'injected',
  'injected',
  'refused',
  'injected',
  'unknown',
  'injected',
];
const apps = ['frontend', 'backend', 'cart', 'payments', 'search', 'mail', 'stock', 'orders'];
const kinds = ['Deployment', 'Deployment', 'Deployment', 'StatefulSet', 'DaemonSet', 'CronJob'];
/** Unix seconds: all of it is told of one moment. */
export const factsNowS = 1_795_000_000;

const reasons: Readonly<Record<CoverageStatus, WorkloadRow['why']>> = {
  injected: undefined,
  not_asked: undefined,
  stale: { id: 'injected', message: 'the configuration has changed since it was injected' },
  missing: {
    id: 'namespace_not_labelled',
    message: 'the namespace has no label svidecar.dev/injection',
  },
  refused: {
    id: 'ANNOTATION_UNKNOWN',
    message: 'annotation svidecar.dev/sockets is unknown; did you mean svidecar.dev/socket?',
  },
  left_alone: { id: 'host_network', message: 'it uses the network of its node' },
  unknown: { id: 'unread', message: 'its ConfigMap may not be read' },
};

/** @param at its number: names and status follow from it */
export function workloadRow(at: number, namespace: string): WorkloadRow {
  // So that the namespaces differ, and none is of one status alone.
  const status = pick(statuses, at + Math.floor(at / 7) * (at % 3));
  const kind = pick(kinds, at);
  const name = `${pick(apps, at)}-${at}`;
  const why = reasons[status];
  const total = (at % 4) + 1;
  return {
    id: `${namespace}/${kind}/${name}`,
    namespace,
    kind,
    name,
    status,
    ...(why === undefined ? {} : { why }),
    templates: status === 'not_asked' ? [] : ['jwt-inject'],
    pods: { total, ready: total, injected: status === 'injected' ? total : 0 },
    revision: 1,
  };
}

function pick<Item>(items: readonly [Item, ...Item[]] | readonly Item[], at: number): Item {
  const item = items[at % items.length];
  if (item === undefined) throw new TypeError('nothing to pick from');
  return item;
}

export function namespaceRow(name: string, rows: readonly WorkloadRow[]): NamespaceRow {
  const label = name.endsWith('-3') ? 'pod' : name.endsWith('-7') ? 'none' : 'enabled';
  return { name, label, isEnding: false, counts: countsIn(rows) };
}

function countsIn(rows: readonly WorkloadRow[]): CoverageCounts {
  const of = (status: CoverageStatus): number => rows.filter((row) => row.status === status).length;
  return {
    injected: of('injected'),
    stale: of('stale'),
    missing: of('missing'),
    refused: of('refused'),
    left_alone: of('left_alone'),
    not_asked: of('not_asked'),
    unknown: of('unknown'),
  };
}

export const standing: ClusterStanding = {
  connection: 'connected',
  sinceS: factsNowS - 600,
  server: 'https://10.0.0.1:6443',
  context: 'prod',
  kubernetes: '1.36',
  version: '0.1.0',
  awaited: [],
  unheard: [],
  objects: 12_000,
  configuration: { words: 'ConfigMap svidecar/svidecar' },
  hooks: 'there',
};

export const standingWithoutRights: ClusterStanding = {
  ...standing,
  missingRights: {
    hidesWorkloads: true,
    rights: [
      {
        what: 'get, list and watch pods',
        consequence: 'which pods run without their helper is not seen',
      },
      { what: 'get configmaps', consequence: 'Envoy files are not compared' },
    ],
    role: [
      'apiVersion: rbac.authorization.k8s.io/v1',
      'kind: ClusterRole',
      'metadata:',
      '  name: svidecar-cli:jo:1a2b3c4d',
      'rules:',
      '  - apiGroups: [""]',
      '    resources: [pods, configmaps]',
      '    verbs: [get, list, watch]',
    ].join('\n'),
  },
};

const before = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: frontend-0
  namespace: shop-0
spec:
  selector: { matchLabels: { app: frontend } }
  template:
    metadata:
      labels: { app: frontend }
      annotations:
        inject.svidecar.dev/templates: jwt-inject
        svidecar.dev/audience: backend.shop
    spec:
      containers:
        - name: app
          image: example.org/frontend:1
        - name: envoy
          image: envoyproxy/envoy:v1.37
`;
const after = before.replace(
  'labels: { app: frontend }\n      ann',
  'labels: { app: frontend, svidecar.dev/injected: "true" }\n      ann',
).concat(`      initContainers:
        - name: auth-helper
          image: example.org/svidecar-helper:0.1.0
          restartPolicy: Always
          args: [-config, /etc/svidecar/config.yaml]
`);
const envoyBefore = `static_resources:
  listeners:
    - name: outbound
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                stat_prefix: outbound
                http_filters:
                  - name: envoy.filters.http.router
`;
const envoyAfter = envoyBefore.replace(
  '                  - name: envoy.filters.http.router',
  `                  - name: svidecar.jwt-inject
                    typed_config:
                      '@type': type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
                  - name: envoy.filters.http.router`,
);

export function workloadView(row: WorkloadRow): WorkloadView {
  return {
    row,
    nowS: factsNowS,
    verdict: { words: 'will be injected' },
    steps: [
      {
        id: 'templates_requested',
        level: 'info',
        message: 'inject.svidecar.dev/templates: jwt-inject',
      },
      {
        id: 'envoy_container_found',
        level: 'info',
        message: 'container "envoy" reads envoy.yaml of ConfigMap frontend-envoy',
      },
      {
        id: 'socket_reused',
        level: 'info',
        message: 'the pod\'s own volume "spiffe-workload-api" carries the Workload API socket',
      },
      {
        id: 'envoy_warning',
        level: 'warning',
        message:
          'the token leaves through cluster "backend" without TLS: anyone on the path can replay it',
        key: 'svidecar.dev/audience',
      },
      {
        id: 'envoy_config_patched',
        level: 'info',
        message:
          'added svidecar.jwt-inject before envoy.filters.http.router in listener "outbound"',
      },
      {
        id: 'injected',
        level: 'info',
        message:
          'injected jwt-inject; auth-helper with ConfigMap svidecar-4dc7f2adfeccf9da. To undo: svidecar.dev/inject: "false"',
      },
    ],
    texts: [
      {
        title: `${row.kind} ${row.namespace}/${row.name}`,
        kind: 'object',
        before,
        after,
        beforeName: 'as it was applied',
        afterName: 'as it is injected',
      },
      {
        title: 'envoy.yaml',
        kind: 'envoy',
        before: envoyBefore,
        after: envoyAfter,
        beforeName: 'ConfigMap frontend-envoy',
        afterName: 'ConfigMap frontend-envoy-svidecar-77081db6',
      },
      {
        title: 'config.yaml',
        kind: 'settings',
        before: '',
        after: 'rules:\n  - name: jwt-inject\n    audience: backend.shop\n',
        beforeName: '',
        afterName: 'ConfigMap svidecar-4dc7f2ad',
      },
    ],
    pods: Array.from({ length: row.pods.total }, (_, at) => ({
      name: `${row.name}-7d9c-${at}`,
      phase: 'Running',
      isReady: true,
      restarts: at,
      node: `node-${at}`,
      startedS: factsNowS - 86_400,
      injection: at < row.pods.injected ? 'injected' : 'missing',
    })),
    events: {
      kind: 'known',
      value: [
        {
          type: 'Normal',
          reason: 'Injected',
          message: 'injected jwt-inject',
          count: 1,
          lastS: factsNowS - 120,
          about: `${row.kind}/${row.name}`,
        },
        {
          type: 'Warning',
          reason: 'EnvoyWarning',
          message: 'the token leaves through cluster "backend" without TLS',
          count: 3,
          lastS: factsNowS - 110,
          about: `${row.kind}/${row.name}`,
        },
      ],
    },
    undo: [
      {
        words: 'Takes the helper out again, and keeps it out.',
        command: `kubectl annotate -n ${row.namespace} ${row.kind.toLowerCase()}/${row.name} svidecar.dev/inject=false`,
      },
    ],
    actions: [
      {
        action: {
          kind: 'restart',
          namespace: row.namespace,
          workloadKind: row.kind,
          name: row.name,
        },
        label: 'Restart',
        why: 'its pods run as of an older configuration',
      },
    ],
  };
}

export function helperViews(row: WorkloadRow): readonly HelperView[] {
  return [
    {
      pod: `${row.name}-7d9c-0`,
      held: {
        kind: 'known',
        value: {
          tokens: [
            {
              audience: 'backend.shop',
              spiffeId: 'spiffe://example.org/ns/shop-0/sa/frontend',
              issuer: 'example.org',
              validUntilS: factsNowS + 210,
            },
            { audience: 'mail.shop', problem: 'SPIRE has no entry for it' },
          ],
          trustDomains: ['example.org', 'partner.example'],
        },
      },
      answers: {
        kind: 'known',
        value: [
          { rule: 'jwt-inject', outcome: 'injected', isRefusal: false, count: 18_211 },
          {
            rule: 'jwt-validate',
            outcome: 'caller_not_allowed',
            isRefusal: true,
            words: 'the caller is not among allow-callers',
            count: 12,
          },
        ],
      },
    },
    {
      pod: `${row.name}-7d9c-1`,
      held: { kind: 'unknown', reason: 'the pod does not run yet' },
      answers: { kind: 'not_asked', reason: 'the pod does not run yet' },
    },
  ];
}
