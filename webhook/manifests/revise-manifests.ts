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
import { namespaceIn } from '../objects/namespace-in.ts';
import { revisionLabel } from '../request/metadata-keys.ts';
import { componentLabel, defaultHooksName, nameFor, ownComponent } from '../request/revision.ts';
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

/** In the manifests of the repository; kustomize writes another one to `metadata` alone. */
const usualHome = 'svidecar';

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
  return own.map((object) => revised(object, { revision, names, home: homeOf(own) }));
}

/** Of svidecar's own objects. */
export function isInjectors(object: JsonObject): boolean {
  const labels = objectAt(objectAt(object, 'metadata'), 'labels');
  return object['kind'] !== 'Namespace' && labels[componentLabel] === ownComponent;
}

/** Where its program runs. */
function homeOf(own: readonly JsonObject[]): string {
  const program = own.find((object) => object['kind'] === 'Deployment');
  return namespaceIn(objectAt(program, 'metadata')) ?? usualHome;
}

function nameOf(object: JsonObject): string {
  return stringAt(objectAt(object, 'metadata'), 'name') ?? '';
}

interface Renaming {
  readonly revision: string;
  /** Of objects of ours. */
  readonly names: ReadonlySet<string>;
  /** Their namespace. */
  readonly home: string;
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
  if (object['key'] === 'kubernetes.io/metadata.name') return selectingHome(object, renaming);
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) => [key, renamedAt(key, value, renaming)]),
  );
}

/** Of a label selector: no installation injects its own namespace. */
function selectingHome(expression: JsonObject, { home }: Renaming): JsonObject {
  const values = listAt(expression, 'values').map((each) => (each === usualHome ? home : each));
  return { ...expression, values };
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

function renamedText(key: string, text: string, renaming: Renaming): string {
  const { revision, names, home } = renaming;
  if (namingMembers.has(key)) return names.has(text) ? nameFor(text, revision) : text;
  if (key === componentLabel) return text === ownComponent ? nameFor(text, revision) : text;
  if (key === authorityKey) return `${home}${nameFor(text.slice(text.indexOf('/')), revision)}`;
  if (key === 'expression' || key === 'message') return renamedInPolicy(text, renaming);
  return renamedHost(text, renaming);
}

/** What stands for the namespace may be a variable of somebody else's. */
function renamedHost(text: string, { revision, home }: Renaming): string {
  const [, where] = serviceHost.exec(text) ?? [];
  if (where === undefined) return text;
  return `${nameFor('svidecar', revision)}.${where === usualHome ? home : where}.svc`;
}

/** Of what svidecar itself may write: its account, Secret and Lease. */
function renamedInPolicy(text: string, { revision, home }: Renaming): string {
  return text
    .replace(
      /'system:serviceaccount:[^:']+:svidecar'/,
      `'system:serviceaccount:${home}:svidecar-${revision}'`,
    )
    .replace(/'svidecar-tls'/, `'svidecar-tls-${revision}'`)
    .replace(/, svidecar-tls$/, `, svidecar-tls-${revision}`)
    .replace(`['svidecar', '${sharedLease}']`, `['svidecar-${revision}', '${sharedLease}']`);
}

/** @throws {AppError} USAGE for a program that would not be told, and would act as the installation without a name */
function refuseUntold(deployment: JsonObject, revision: string): void {
  const podSpec = objectAt(objectAt(objectAt(deployment, 'spec'), 'template'), 'spec');
  const told = listAt(podSpec, 'containers').find(
    (each) => isObject(each) && each['name'] === ownComponent,
  );
  const { args = [] } = isObject(told) ? told : {};
  if (told !== undefined && isArray(args)) return;
  const why =
    told === undefined
      ? `no container is called ${ownComponent}`
      : `args of its container ${ownComponent} are no list`;
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
    isObject(container) && container['name'] === ownComponent
      ? { ...container, args: [...listAt(container, 'args'), `--revision=${revision}`] }
      : container,
  );
  return {
    ...deployment,
    spec: { ...spec, template: { ...template, spec: { ...podSpec, containers } } },
  };
}
