/** Istio's mesh configurations, one for each revision of istiod, as ConfigMaps hold them. */
import { AppError } from '#kernel/errors.ts';
import { isObject, listAt, objectAt, stringAt, textsAt, type JsonObject } from '#kernel/json.ts';
import { openText } from '../editing/open-text.ts';
import { helperHost } from '../istio/provider.ts';
import { nameOf, namespaceOf, type Subject } from './facts.ts';

export interface MeshConfig {
  readonly namespace: string;
  /** Of its ConfigMap. */
  readonly name: string;
  /** Undefined where it cannot be read. @see istio.mesh.v1alpha1.MeshConfig */
  readonly value: JsonObject | undefined;
}

/** Key of the ConfigMap. */
const key = 'mesh';

/** Whether a ConfigMap is one: told by its label and its key. */
export function isMeshConfig(configMap: JsonObject): boolean {
  return stringAt(objectAt(configMap, 'data'), key) !== undefined;
}

export function meshesOf(configMaps: readonly Subject[]): readonly MeshConfig[] {
  return configMaps.map(({ object }) => ({
    namespace: namespaceOf(object, { namespace: '' }),
    name: nameOf(object),
    value: parsed(textsAt(object, 'data')[key] ?? ''),
  }));
}

function parsed(text: string): JsonObject | undefined {
  try {
    const { value } = openText(
      text,
      { start: 0, end: text.length },
      { where: key, dialect: 'kubernetes' },
    );
    return isObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}

export function rootNamespaceOf({ namespace, value }: MeshConfig): string {
  const root = stringAt(value, 'rootNamespace') ?? '';
  return root === '' ? namespace : root;
}

export function providersOf({ value }: MeshConfig): readonly JsonObject[] {
  return listAt(value, 'extensionProviders').filter(isObject);
}

/** Whether a provider leads to the helper beside each proxy. */
export function leadsToHelper(provider: JsonObject): boolean {
  const service = stringAt(objectAt(provider, 'envoyExtAuthzGrpc'), 'service') ?? '';
  return service.slice(service.indexOf('/') + 1) === helperHost;
}
