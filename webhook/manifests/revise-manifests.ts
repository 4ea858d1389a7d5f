/** The manifests of an installation become those of one with a name: nothing of them has the name of another's. */
import { AppError } from '#kernel/errors.ts';
import {
  isArray,
  isObject,
  listAt,
  objectAt,
  stringAt,
  type Json,
  type JsonObject,
} from '#kernel/json.ts';
import { revisionLabel } from '../request/metadata-keys.ts';
import { defaultHooksName, nameFor } from '../request/revision.ts';
import { authorityKey, hooksOfRevision } from '../request/revision-hooks.ts';

/** Made by the running program, or by cert-manager, and named in the manifests. */
const madeLater = ['svidecar-tls', 'svidecar'] as const;
/** Two installations in one namespace take turns at it: whoever is the default registers in SPIRE. */
export const sharedLease = 'svidecar-registrations';
/** Members whose text is the name of an object of ours, where there is one. */
const namingMembers: ReadonlySet<string> = new Set([
  'name',
  'policyName',
  'priorityClassName',
  'secretName',
  'serviceAccountName',
]);
const componentKey = 'app.kubernetes.io/component';
const component = 'webhook';

/**
 * The objects of the webhook and its controller; others, such as the service for bans, are not there twice. Nor is the
 * Namespace: whoever deletes a revision's manifests must not delete it with them.
 * @throws {AppError} USAGE where a name would be another object's, or the program could not be told its revision
 */
export function manifestsOfRevision(
  objects: readonly JsonObject[],
  revision: string,
): readonly JsonObject[] {
  const own = objects.filter(isInjectors);
  const names = new Set([...madeLater, ...own.map(nameOf)]);
  for (const name of names) {
    const taken = nameFor(name, revision);
    if (names.has(taken))
      throw new AppError(
        'USAGE',
        `revision ${revision}: what is called ${name} would become ${taken}, which is another object of these manifests; choose another name`,
      );
  }
  return own.map((object) => revised(object, { revision, names }));
}

function isInjectors(object: JsonObject): boolean {
  const labels = objectAt(objectAt(object, 'metadata'), 'labels');
  return object['kind'] !== 'Namespace' && labels[componentKey] === component;
}

function nameOf(object: JsonObject): string {
  return stringAt(objectAt(object, 'metadata'), 'name') ?? '';
}

interface Renaming {
  readonly revision: string;
  /** Of objects of ours. */
  readonly names: ReadonlySet<string>;
}

function revised(object: JsonObject, renaming: Renaming): JsonObject {
  const { revision } = renaming;
  const { data, ...rest } = object;
  const renamed = renamedIn(rest, renaming);
  const metadata = objectAt(renamed, 'metadata');
  const labels = { ...objectAt(metadata, 'labels'), [revisionLabel]: revision };
  // A configuration is nobody's to change.
  const whole = {
    ...renamed,
    metadata: { ...metadata, labels },
    ...(data === undefined ? {} : { data }),
  };
  if (object['kind'] === 'Deployment') {
    refuseUntold(object, revision);
    return withArgument(whole, revision);
  }
  if (object['kind'] !== 'MutatingWebhookConfiguration') return whole;
  const hooks = listAt(whole, 'webhooks').filter(isObject);
  return { ...whole, webhooks: hooks.flatMap((hook) => hooksOfRevision(hook, revision)) };
}

function renamedIn(object: JsonObject, renaming: Renaming): JsonObject {
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) => [key, renamedAt(key, value, renaming)]),
  );
}

function renamedAt(key: string, value: Json | undefined, renaming: Renaming): Json {
  if (isArray(value)) return value.map((each) => renamedItem(key, each, renaming));
  if (isObject(value)) return renamedIn(value, renaming);
  return typeof value === 'string' ? renamedText(key, value, renaming) : (value ?? null);
}

function renamedItem(key: string, item: Json, renaming: Renaming): Json {
  if (isObject(item)) return renamedIn(item, renaming);
  if (typeof item !== 'string') return item;
  if (key !== 'resourceNames') return renamedText(key, item, renaming);
  // The one object whose name says which revision is the default is everybody's.
  if (item === sharedLease || item === defaultHooksName) return item;
  return renaming.names.has(item) ? nameFor(item, renaming.revision) : item;
}

const serviceHost = /^svidecar\.(.+)\.svc$/;

function renamedText(key: string, text: string, { revision, names }: Renaming): string {
  if (namingMembers.has(key)) return names.has(text) ? nameFor(text, revision) : text;
  if (key === componentKey) return text === component ? nameFor(text, revision) : text;
  if (key === authorityKey) return nameFor(text, revision);
  if (key === 'expression' || key === 'message') return renamedInPolicy(text, revision);
  return text.replace(serviceHost, `${nameFor('svidecar', revision)}.$1.svc`);
}

/** Of what svidecar itself may write: its account, Secret and Lease. */
function renamedInPolicy(text: string, revision: string): string {
  return text
    .replace(/('system:serviceaccount:[^:']+:svidecar)'/, `$1-${revision}'`)
    .replace(/'svidecar-tls'/, `'svidecar-tls-${revision}'`)
    .replace(/, svidecar-tls$/, `, svidecar-tls-${revision}`)
    .replace(`['svidecar', '${sharedLease}']`, `['svidecar-${revision}', '${sharedLease}']`);
}

/** @throws {AppError} USAGE for a program that would not be told, and would act as the installation without a name */
function refuseUntold(deployment: JsonObject, revision: string): void {
  const podSpec = objectAt(objectAt(objectAt(deployment, 'spec'), 'template'), 'spec');
  const told = listAt(podSpec, 'containers').find(
    (each) => isObject(each) && each['name'] === component,
  );
  const { args = [] } = isObject(told) ? told : {};
  if (told !== undefined && isArray(args)) return;
  const why =
    told === undefined
      ? `no container is called ${component}`
      : `args of its container ${component} are no list`;
  throw new AppError(
    'USAGE',
    `Deployment ${nameOf(deployment)}: ${why}, so the program could not be told --revision=${revision} and would act as the installation without a name; give it svidecar's own manifests`,
  );
}

function withArgument(deployment: JsonObject, revision: string): JsonObject {
  const spec = objectAt(deployment, 'spec');
  const template = objectAt(spec, 'template');
  const podSpec = objectAt(template, 'spec');
  const containers = listAt(podSpec, 'containers').map((container) =>
    isObject(container) && container['name'] === component
      ? { ...container, args: [...listAt(container, 'args'), `--revision=${revision}`] }
      : container,
  );
  return {
    ...deployment,
    spec: { ...spec, template: { ...template, spec: { ...podSpec, containers } } },
  };
}
