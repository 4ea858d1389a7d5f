/** Our webhook configurations as values, and what the API server needs in them. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { namespaceLabel } from '../request/metadata-keys.ts';
import { isMatched } from '../objects/label-selector.ts';
import { found, type Check, type Finding, type Material } from './check-contract.ts';
import { nameOf, whereOf, type Subject, type Where } from './facts.ts';

export interface InspectedHook {
  readonly name: string;
  readonly where: Where;
  readonly failurePolicy: 'Fail' | 'Ignore';
  /** PEM text; empty where nothing is set. */
  readonly caBundle: string;
  readonly target: HookTarget;
  readonly definition: JsonObject;
}

/** What the API server calls. */
export interface HookTarget {
  /** Equal for hooks with the same target. */
  readonly key: string;
  /** Name or address that the certificate must be for. */
  readonly host: string;
  readonly port: number;
  readonly service: { readonly namespace: string; readonly name: string } | undefined;
}

const ownSuffix = '.svidecar.dev';
const podHook = `pods${ownSuffix}`;
/** Hooks that the manifests install, and what is missing without them. */
const expected: Readonly<Record<string, string>> = {
  [`workloads${ownSuffix}`]:
    'Deployments and their like stay as they are (their pods are injected)',
  [`pod-updates${ownSuffix}`]: "kubectl apply of an injected Pod's own manifest is refused",
};

/** Whether a MutatingWebhookConfiguration has one of our hooks; its own name does not matter. */
export function isOwnConfiguration(object: JsonObject): boolean {
  return listAt(object, 'webhooks').some(
    (hook) => isObject(hook) && stringAt(hook, 'name')?.endsWith(ownSuffix) === true,
  );
}

export function hooksOf(subjects: readonly Subject[]): readonly InspectedHook[] {
  return subjects.flatMap((subject) =>
    listAt(subject.object, 'webhooks')
      .filter(isObject)
      .filter((hook) => stringAt(hook, 'name')?.endsWith(ownSuffix) === true)
      .map((hook): InspectedHook => {
        const clientConfig = objectAt(hook, 'clientConfig');
        const bundle = stringAt(clientConfig, 'caBundle') ?? '';
        return {
          name: stringAt(hook, 'name') ?? '',
          where: whereOf(subject, ''),
          failurePolicy: hook['failurePolicy'] === 'Ignore' ? 'Ignore' : 'Fail',
          caBundle: Buffer.from(bundle, 'base64').toString('utf8'),
          target: targetOf(clientConfig),
          definition: hook,
        };
      }),
  );
}

/** @see admissionregistration/v1 WebhookClientConfig */
function targetOf(clientConfig: JsonObject): HookTarget {
  const service = clientConfig['service'];
  if (isObject(service)) {
    const namespace = stringAt(service, 'namespace') ?? '';
    const name = stringAt(service, 'name') ?? '';
    const port = typeof service['port'] === 'number' ? service['port'] : 443;
    const host = `${name}.${namespace}.svc`;
    return { key: `${host}:${port}`, host, port, service: { namespace, name } };
  }
  const url = URL.parse(stringAt(clientConfig, 'url') ?? '');
  const host = (url?.hostname ?? '').replaceAll(/[[\]]/g, '');
  const port = url === null || url.port === '' ? 443 : Number(url.port);
  return { key: `${host}:${port}`, host, port, service: undefined };
}

export const webhookConfigured: Check = {
  id: 'webhook_configured',
  category: 'webhook',
  claim: 'the API server has every hook of svidecar, for labelled namespaces and no others',
  why: 'What no hook sees is not injected; a hook that sees too much stops pods that are none of its business in an outage.',
  offline: false,
  reads: ['hooks'],
  run: (material) => {
    const hooks = hooksOf(material.objects('hooks'));
    if (!hooks.some(({ name }) => name === podHook)) return found([missingPodHook(hooks.length)]);
    return found([...missing(hooks), ...hooks.flatMap((hook) => faultsOf(hook, material))]);
  },
};

function missingPodHook(others: number): Finding {
  return {
    severity: 'error',
    where: undefined,
    message:
      others === 0
        ? 'no MutatingWebhookConfiguration of svidecar is there, so nothing is injected'
        : `there is no hook ${podHook}, so no pod is injected`,
    hint: 'install svidecar: kubectl apply -k, or helm upgrade --install',
  };
}

function missing(hooks: readonly InspectedHook[]): readonly Finding[] {
  return Object.entries(expected)
    .filter(([name]) => !hooks.some((hook) => hook.name === name))
    .map(([name, loss]) => ({
      severity: 'warning',
      where: hooks[0]?.where,
      message: `there is no hook ${name}: ${loss}`,
      hint: 'apply the manifests of this version again',
    }));
}

function faultsOf(hook: InspectedHook, { facts }: Material): readonly Finding[] {
  const finding = (severity: Finding['severity'], message: string): Finding => ({
    severity,
    where: hook.where,
    message: `${hook.name}: ${message}`,
    hint: 'apply the manifests of this version again',
  });
  const wanted = hook.name.startsWith('workloads') ? ['enabled'] : ['enabled', 'pod'];
  const unseen = wanted.filter((label) => !isSelected(hook, { label, name: 'any' }));
  const own = ['kube-system', facts.ownNamespace].filter(
    (name) => hook.failurePolicy === 'Fail' && isSelected(hook, { label: 'enabled', name }),
  );
  return [
    ...unseen.map((label) =>
      finding('error', `its namespaceSelector leaves out namespaces labelled "${label}"`),
    ),
    ...own.map((name) =>
      finding(
        'error',
        `it could stop pods of ${name}: its namespaceSelector does not leave that out`,
      ),
    ),
    ...(listAt(hook.definition, 'matchConditions').length === 0
      ? [
          finding(
            'warning',
            'it has no matchConditions, so an outage concerns pods that ask for nothing',
          ),
        ]
      : []),
  ];
}

/** @see meta/v1 LabelSelector, and NamespaceSelector of MutatingWebhook */
function isSelected(
  { definition }: InspectedHook,
  namespace: { readonly label: string; readonly name: string },
): boolean {
  const labels: Readonly<Record<string, string>> = {
    [namespaceLabel]: namespace.label,
    'kubernetes.io/metadata.name': namespace.name,
  };
  return isMatched(objectAt(definition, 'namespaceSelector'), labels);
}

/** The hook that decides about pods; undefined when it is not there. */
export function podHookOf(subjects: readonly Subject[]): InspectedHook | undefined {
  return hooksOf(subjects).find(({ name }) => name === podHook);
}

/** Names of Services that hooks call, each once. */
export function serviceNames(subjects: readonly Subject[]): readonly string[] {
  return [...new Set(hooksOf(subjects).flatMap(({ target }) => target.service?.name ?? []))];
}

/** The namespace that hooks call a Service in; where they call an address, the one of the manifests. */
export function ownNamespaceOf(subjects: readonly Subject[]): string {
  const found = hooksOf(subjects).find(({ target }) => target.service !== undefined);
  return found?.target.service?.namespace ?? 'svidecar';
}

/** One of our objects by kind and name. */
export function named(subjects: readonly Subject[], name: string): Subject | undefined {
  return subjects.find(({ object }) => nameOf(object) === name);
}
