/** What a console's looks at a cluster find: identities, checks, certificates and bans, with each state among them. */
import type {
  BansView,
  CertificatesView,
  DoctorView,
  IdentitiesView,
  IdentityNode,
  IdentityOfWorkload,
} from '../../webhook/console/console-reports.ts';
import { factsNowS } from './console-facts.ts';

function workloadNode(name: string, more: Partial<IdentityOfWorkload> = {}): IdentityNode {
  return {
    kind: 'workload',
    id: `shop-0/Deployment/${name}`,
    namespace: 'shop-0',
    workloadKind: 'Deployment',
    name,
    spiffeId: `spiffe://example.org/ns/shop-0/sa/${name}`,
    sendsTo: ['backend.shop'],
    accepts: [],
    allowCallers: [],
    federatesWith: [],
    link: { status: 'complete' },
    entries: [
      {
        id: `svidecar.${name}`,
        selectors: ['k8s:ns:shop-0', `k8s:sa:${name}`],
        unmet: [],
        federatesWith: [],
      },
    ],
    twins: [],
    ...more,
  };
}

export const identities: IdentitiesView = {
  spire: { kind: 'known', value: { source: 'spire-server.spire:8081', entries: 214 } },
  askedHelpers: false,
  unread: [],
  isPartial: false,
  edgesLeftOut: 0,
  nodes: [
    workloadNode('frontend-0'),
    workloadNode('cart'),
    workloadNode('mail', {
      link: {
        status: 'missing',
        step: 'entry',
        message: 'SPIRE has no entry for spiffe://example.org/ns/shop-0/sa/mail',
        hint: 'svidecar render entries --namespace shop-0 prints it',
      },
      entries: [],
    }),
    workloadNode('backend', {
      sendsTo: [],
      accepts: ['backend.shop'],
      allowCallers: ['spiffe://example.org/ns/shop-0/sa/frontend-0', 'partner.example'],
      federatesWith: ['partner.example'],
    }),
    { kind: 'trust_domain', id: 'trust:partner.example', label: 'partner.example' },
    { kind: 'audience', id: 'audience:ledger', label: 'ledger' },
  ],
  edges: [
    {
      from: 'shop-0/Deployment/frontend-0',
      to: 'shop-0/Deployment/backend',
      audience: 'backend.shop',
      status: 'complete',
      words: 'frontend-0 sends tokens for backend.shop, and backend lets it call',
    },
    {
      from: 'shop-0/Deployment/cart',
      to: 'shop-0/Deployment/backend',
      audience: 'backend.shop',
      status: 'missing',
      words: 'cart sends tokens for backend.shop, and backend does not let it call',
      hint: 'add its SPIFFE ID to svidecar.dev/allow-callers of backend',
    },
    {
      from: 'shop-0/Deployment/mail',
      to: 'shop-0/Deployment/backend',
      audience: 'backend.shop',
      status: 'missing',
      words: 'mail has no identity: SPIRE has no entry for it',
      hint: 'register it',
    },
    {
      from: 'trust:partner.example',
      to: 'shop-0/Deployment/backend',
      status: 'unknown',
      words: 'callers of partner.example may call; none of them is seen from here',
    },
    {
      from: 'shop-0/Deployment/cart',
      to: 'audience:ledger',
      audience: 'ledger',
      status: 'unknown',
      words: 'cart sends tokens for ledger, which nobody here accepts',
    },
  ],
};

export const diagnosis: DoctorView = {
  examined: 5_123,
  checks: [
    {
      id: 'kubernetes_version',
      category: 'cluster',
      claim: 'the API server is new enough',
      why: 'Older servers drop matchConditions silently.',
      status: 'ok',
      findings: [],
      reasons: [],
    },
    {
      id: 'namespace_label',
      category: 'namespaces',
      claim: 'namespaces of annotated workloads carry the label, with a value that is known',
      why: 'The API server asks the webhook about labelled namespaces only; elsewhere annotations do nothing, silently.',
      status: 'error',
      findings: [
        {
          severity: 'error',
          where: { kind: 'Namespace', namespace: '', name: 'shop-7' },
          message: 'the label svidecar.dev/injection is missing',
          hint: 'kubectl label namespace shop-7 svidecar.dev/injection=enabled',
        },
      ],
      reasons: [],
    },
    {
      id: 'helper_current',
      category: 'workloads',
      claim: 'helpers are as the configuration of today makes them',
      why: 'An old helper has old rules.',
      status: 'warning',
      findings: [
        {
          severity: 'warning',
          where: { kind: 'Deployment', namespace: 'shop-0', name: 'frontend-0' },
          message: 'runs with settings of an older configuration',
          hint: 'kubectl rollout restart -n shop-0 deployment/frontend-0',
        },
      ],
      reasons: [],
    },
    {
      id: 'entry_present',
      category: 'identity',
      claim: 'the SPIFFE ID of every workload has an entry in SPIRE',
      why: 'Without one a helper gets no identity.',
      status: 'skipped',
      findings: [],
      reasons: ['SPIRE was not asked'],
    },
    {
      id: 'webhook_certificate',
      category: 'webhook',
      claim: 'the API server trusts what is served',
      why: 'Otherwise each call fails.',
      status: 'unknown',
      findings: [],
      reasons: ['not allowed to ask: it takes the verb "create" on pods/portforward'],
    },
  ],
};

export const certificates: CertificatesView = {
  unread: [],
  isPartial: false,
  hooks: [
    {
      name: 'pods.svidecar.dev',
      configuration: 'MutatingWebhookConfiguration svidecar',
      target: 'svidecar.svidecar.svc:443',
      failurePolicy: 'Fail',
      trusts: ['aa11aa11aa11aa11', 'bb22bb22bb22bb22'],
      served: {
        kind: 'known',
        value: [
          {
            source: 'a TLS handshake with pod svidecar-1',
            chain: ['cc33cc33cc33cc33'],
            trustedBy: 'aa11aa11aa11aa11',
          },
        ],
      },
    },
    {
      name: 'workloads.svidecar.dev',
      configuration: 'MutatingWebhookConfiguration svidecar',
      target: 'svidecar.svidecar.svc:443',
      failurePolicy: 'Ignore',
      trusts: ['bb22bb22bb22bb22'],
      served: {
        kind: 'known',
        value: [{ source: 'a TLS handshake with pod svidecar-1', chain: ['cc33cc33cc33cc33'] }],
      },
    },
  ],
  certificates: [
    {
      fingerprint: 'aa11aa11aa11aa11',
      subject: 'CN=svidecar authority 2',
      issuer: 'CN=svidecar authority 2',
      names: [],
      isAuthority: true,
      fromS: factsNowS - 86_400,
      untilS: factsNowS + 864_000,
      renewalS: factsNowS + 400_000,
      standing: 'good',
    },
    {
      fingerprint: 'bb22bb22bb22bb22',
      subject: 'CN=svidecar authority 1',
      issuer: 'CN=svidecar authority 1',
      names: [],
      isAuthority: true,
      fromS: factsNowS - 864_000,
      untilS: factsNowS - 60,
      renewalS: factsNowS - 300_000,
      standing: 'over',
    },
    {
      fingerprint: 'cc33cc33cc33cc33',
      subject: 'CN=svidecar.svidecar.svc',
      issuer: 'CN=svidecar authority 2',
      names: ['svidecar.svidecar.svc'],
      isAuthority: false,
      fromS: factsNowS - 86_400,
      untilS: factsNowS + 4_000,
      renewalS: factsNowS - 3_000,
      standing: 'renewal_late',
    },
  ],
};

export const bans: BansView = {
  nowS: factsNowS,
  lists: [
    {
      id: 'list-1',
      name: 'ConfigMap shop-0/svidecar-bans, key bans.jsonl',
      users: ['shop-0/Deployment/frontend-0'],
      bans: {
        kind: 'known',
        value: {
          count: 2,
          byReason: [
            { reason: 'lost laptop', count: 1 },
            { reason: '', count: 1 },
          ],
          shown: [
            {
              id: 'ban-1',
              claim: 'email',
              reason: 'lost laptop',
              untilS: factsNowS + 86_400,
              bannedS: factsNowS - 3_600,
            },
            { id: 'ban-2', claim: 'sub' },
          ],
        },
      },
    },
  ],
};
