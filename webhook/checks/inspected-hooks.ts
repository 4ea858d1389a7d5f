/** Our webhook configurations as values, and what the API server calls by them. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { defaultHooksName, noRevision, revisionIn } from '../request/revision.ts';
import { metadataOf, nameOf, whereOf, type Subject, type Where } from './facts.ts';

export interface InspectedHook {
  readonly name: string;
  readonly where: Where;
  readonly failurePolicy: 'Fail' | 'Ignore';
  /** PEM text; empty where nothing is set. */
  readonly caBundle: string;
  readonly target: HookTarget;
  /** Of its installation; empty for the one without a name. */
  readonly revision: string;
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

export const ownSuffix = '.svidecar.dev';
export const podHook = `pods${ownSuffix}`;
/** Whether a MutatingWebhookConfiguration has one of our hooks, whatever its name is, or should have: that of the default. */
export function isOwnConfiguration(object: JsonObject): boolean {
  if (nameOf(object) === defaultHooksName) return true;
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
          revision: revisionIn(metadataOf(subject.object)) ?? noRevision,
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

/** Whether it is a hook of the one configuration that says who injects what names no revision. */
export function isOfDefault({ where }: InspectedHook): boolean {
  return where.name === defaultHooksName;
}

/**
 * The hook that decides about pods; undefined when it is not there.
 * @param named whom the namespace names; absent: nobody, so the default's comes first
 */
export function podHookOf(subjects: readonly Subject[], named?: string): InspectedHook | undefined {
  const hooks = hooksOf(subjects).filter(({ name }) => name === podHook);
  if (named !== undefined)
    return hooks.find((hook) => hook.revision === named && !isOfDefault(hook));
  return (
    hooks.find(isOfDefault) ?? hooks.find(({ revision }) => revision === noRevision) ?? hooks[0]
  );
}

/** Whether what a hook calls is in svidecar's own namespace, as it is judged, or an address: of another one nothing is read. */
export function isSeenFrom(
  { ownNamespace }: { readonly ownNamespace: string },
  { target: { service } }: InspectedHook,
): boolean {
  return service === undefined || service.namespace === ownNamespace;
}

/** Names of Services that hooks call in a namespace, each once. */
export function serviceNames(subjects: readonly Subject[], namespace: string): readonly string[] {
  const services = hooksOf(subjects).map(({ target }) => target.service);
  return [...new Set(services.flatMap((each) => (each?.namespace === namespace ? each.name : [])))];
}

/** The Service that hooks of a revision call; undefined where they call an address. */
export function serviceOf(
  subjects: readonly Subject[],
  revision: string,
): NonNullable<HookTarget['service']> | undefined {
  const own = hooksOf(subjects).filter((hook) => hook.revision === revision);
  return own.map(({ target }) => target.service).find((service) => service !== undefined);
}

/** One of our objects by kind and name. */
export function named(subjects: readonly Subject[], name: string): Subject | undefined {
  return subjects.find(({ object }) => nameOf(object) === name);
}
