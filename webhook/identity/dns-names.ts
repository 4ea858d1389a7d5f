/** DNS names in X.509-SVIDs of a workload. */
import { objectAt, type JsonObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import type { Located } from '../request/locate.ts';
import { substituteText } from '../templates/substitute.ts';

export interface KnownService {
  readonly namespace: string;
  readonly name: string;
  /** Labels of pods; empty where it has other endpoints. */
  readonly selector: JsonObject;
}

export interface DnsNames {
  /** With `${pod}`, `${workload}`, `${namespace}` and `${serviceAccount}`. */
  readonly templates: readonly string[];
  /** What `${pod}` stands for; undefined where no single pod is meant. */
  readonly pod: string | undefined;
  /** Among them those of the workload. */
  readonly services: readonly KnownService[];
}

/** As SPIRE takes them: labels of letters, digits and hyphens; the first may be a `*`. */
export function isDnsName(name: string): boolean {
  const [first = '', ...others] = name.split('.');
  const isLabel = (text: string): boolean =>
    /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(text);
  const isFirst = isLabel(first) || (first === '*' && others.length > 0);
  return name.length <= maxNameChars && isFirst && others.every(isLabel);
}

/** @see RFC 1035 §2.3.4 */
const maxNameChars = 253;

/**
 * Istio's proxies get the names of pod and Services besides.
 * @throws {AppError} TEMPLATE_INVALID for an unknown variable
 */
export function dnsNamesOf(
  located: Located,
  from: DnsNames & { readonly serviceAccount: string; readonly isProxyOfIstio: boolean },
): readonly string[] {
  const { templates, pod, serviceAccount, services, isProxyOfIstio } = from;
  const { name: workload, namespace } = located;
  const variables = {
    workload,
    namespace,
    serviceAccount,
    ...(pod === undefined ? {} : { pod }),
  };
  const names = templates.map((each) => substituteText(each, variables));
  if (!isProxyOfIstio) return [...new Set(names)];
  const ofServices = services
    .filter((each) => selects(each, located))
    .map((each) => `${each.name}.${namespace}.svc`);
  return [...new Set([...(pod === undefined ? [] : [pod]), ...ofServices, ...names])];
}

function selects({ namespace, selector }: KnownService, located: Located): boolean {
  const labels = objectAt(objectAt(located.template, 'metadata'), 'labels');
  const keys = Object.keys(selector);
  return (
    namespace === located.namespace &&
    keys.length > 0 &&
    keys.every((key) => own(selector, key) === own(labels, key))
  );
}
