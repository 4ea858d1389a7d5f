/** The hooks of an installation with a name, and of the one object that says which installation is the default. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { revisionLabel } from './metadata-keys.ts';
import {
  byLabel,
  componentLabel,
  defaultHooksName,
  nameLabel,
  noRevision,
  ownComponent,
  ownName,
} from './revision.ts';

/** The condition of hooks that find theirs by their namespace. */
const condition = 'names-no-revision';
const conditionByLabel = 'names-this-revision';
/** Cert-manager writes the authority of such a configuration. */
export const authorityKey = 'cert-manager.io/inject-ca-from';

/** In CEL: whether the pod template of a reviewed object names the revision. */
export function namesRevision(hook: string, revision: string): string {
  const named = `?labels[?'${revisionLabel}'].orValue('') == '${revision}'`;
  return hook.includes('workloads')
    ? `[object.?spec.?template.?metadata, object.?spec.?jobTemplate.?spec.?template.?metadata].exists(m, m.${named})`
    : `object.?metadata.${named}`;
}

/** Of each hook of the manifests two: for namespaces that name the revision, and for what names it itself. */
export function hooksOfRevision(hook: JsonObject, revision: string): readonly JsonObject[] {
  return [
    selecting(hook, { key: revisionLabel, operator: 'In', values: [revision] }),
    labelled(selecting(hook, undefined), revision),
  ];
}

function labelled(hook: JsonObject, revision: string): JsonObject {
  const name = stringAt(hook, 'name') ?? '';
  const conditions = listAt(hook, 'matchConditions').map((each) =>
    isObject(each) && each['name'] === condition
      ? { name: conditionByLabel, expression: namesRevision(name, revision) }
      : each,
  );
  return { ...hook, name: `${byLabel}${name}`, matchConditions: conditions };
}

/** @param choice in place of what the hook demands of a namespace's revision; undefined: nothing */
function selecting(hook: JsonObject, choice: JsonObject | undefined): JsonObject {
  const selector = objectAt(hook, 'namespaceSelector');
  const expressions = listAt(selector, 'matchExpressions').flatMap((each) => {
    if (!isObject(each) || each['key'] !== revisionLabel) return [each];
    return choice === undefined ? [] : [choice];
  });
  return { ...hook, namespaceSelector: { ...selector, matchExpressions: expressions } };
}

/**
 * The configuration by which an installation injects what names no revision.
 * @param configurations all of that installation, as they are in the cluster: with Service, authority and failure policy
 */
export function defaultConfiguration(
  configurations: readonly JsonObject[],
  revision: string,
): JsonObject {
  const own = configurations.map((each) => objectAt(each, 'metadata'));
  const authority = own.map((each) => stringAt(objectAt(each, 'annotations'), authorityKey));
  const injects = authority.find((each) => each !== undefined);
  const labels = {
    [nameLabel]: ownName,
    [componentLabel]: ownComponent,
    ...(revision === noRevision ? {} : { [revisionLabel]: revision }),
  };
  const hooks = configurations
    .flatMap((each) => listAt(each, 'webhooks'))
    .filter(isObject)
    .filter((hook) => stringAt(hook, 'name')?.startsWith(byLabel) === false)
    .map((hook) => selecting(hook, { key: revisionLabel, operator: 'DoesNotExist' }));
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: {
      name: defaultHooksName,
      labels,
      ...(injects === undefined ? {} : { annotations: { [authorityKey]: injects } }),
    },
    webhooks: hooks,
  };
}
