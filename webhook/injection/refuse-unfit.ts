/**
 * Checks a pod as it would be once injected, as the API server and the kubelet do: what they would refuse
 * later, on a pod that nobody watches, is refused here, with the name of the field or annotation to change.
 */
import { AppError } from '#kernel/errors.ts';
import { isObject, listAt, objectAt, stringAt, type Json, type JsonObject } from '#kernel/json.ts';
import { pointerTokens } from '../editing/operation.ts';
import type { Composition } from './compose.ts';
import { annotationKey, statusKey } from '../request/metadata-keys.ts';
import { changeAt, mergePartial } from './keyed.ts';
import { refuseOverAmounts } from './pod-resources.ts';
import type { WantedTemplate } from './reconcile.ts';
import { refuseMounts } from './refuse-mounts.ts';
import { refuseOwnLabels } from './refuse-own-labels.ts';
import { refuseSelector } from './refuse-selector.ts';

const lists = ['initContainers', 'containers'] as const;
type List = (typeof lists)[number];

/** The first minor version whose API server knows containers that restart among the init containers. */
const nativeSidecarsKnown = 28;

export interface InjectionFacts {
  readonly composition: Composition;
  readonly kubernetesMinor: number;
  /** Of the workload that the pod template is of. */
  readonly selector: JsonObject;
}

/** @throws {AppError} POD_UNFIT, ANNOTATION_INVALID */
export function refuseUnfit(
  original: JsonObject,
  wanted: WantedTemplate,
  around: InjectionFacts,
): void {
  const injected = injectedTemplate(original, wanted);
  const spec = objectAt(injected, 'spec');
  refuseOwnLabels(labelsOf(original), labelsOf(wanted.partial));
  refuseSelector(around.selector, { before: labelsOf(original), after: labelsOf(injected) });
  const before = objectAt(original, 'spec');
  const partial = objectAt(wanted.partial, 'spec');
  const sidecars = new Set(around.composition.sidecars.map((sidecar) => sidecar['name']));
  const helpers: JsonObject[] = [];
  for (const list of lists) {
    for (const added of listAt(partial, list).filter(isObject)) {
      const name = stringAt(added, 'name') ?? '';
      refuseMounts(named(before, list, name) ?? {}, added, listAt(spec, 'volumes'));
      const container = named(spec, list, name);
      if (container === undefined || !sidecars.has(name)) continue;
      refuseSidecar(container, { spec, list, kubernetesMinor: around.kubernetesMinor });
      helpers.push(container);
    }
  }
  refuseOverAmounts(spec, helpers);
}

function labelsOf(template: JsonObject): JsonObject {
  return objectAt(objectAt(template, 'metadata'), 'labels');
}

/** The template with all that is wanted in it; parts are shared with the input. */
function injectedTemplate(
  original: JsonObject,
  { partial, replacements }: WantedTemplate,
): JsonObject {
  let template: Json = mergePartial(original, partial);
  for (const { path, now } of replacements) {
    template = changeAt(template, pointerTokens(path), () => now) ?? template;
  }
  return isObject(template) ? template : {};
}

function named(spec: JsonObject, list: List, name: string): JsonObject | undefined {
  return listAt(spec, list)
    .filter(isObject)
    .find((container) => container['name'] === name);
}

interface Place {
  readonly spec: JsonObject;
  readonly list: List;
  readonly kubernetesMinor: number;
}

/** What the pod's own overlay of a sidecar may make impossible. */
function refuseSidecar(container: JsonObject, { spec, list, kubernetesMinor }: Place): void {
  const name = stringAt(container, 'name') ?? '';
  const fault =
    rootFault(container, spec) ??
    privilegeFault(container) ??
    portFault(container) ??
    (list === 'initContainers' ? restartFault(container, kubernetesMinor) : undefined);
  if (fault === undefined) return;
  throw new AppError('POD_UNFIT', `container "${name}": ${fault}`, { facts: { container: name } });
}

function rootFault(container: JsonObject, spec: JsonObject): string | undefined {
  const own = objectAt(container, 'securityContext');
  const pods = objectAt(spec, 'securityContext');
  const isOwn = own['runAsUser'] !== undefined;
  const user = isOwn ? own['runAsUser'] : pods['runAsUser'];
  if (user !== 0 || (own['runAsNonRoot'] ?? pods['runAsNonRoot']) !== true) return undefined;
  return isOwn
    ? 'its securityContext.runAsUser is 0, and it may not run as root; take that out of the pod'
    : 'it may not run as root, and spec.securityContext.runAsUser of the pod is 0; set helper.runAsUser in the configuration, or runAsUser on the containers that need root';
}

function privilegeFault(container: JsonObject): string | undefined {
  const context = objectAt(container, 'securityContext');
  if (context['allowPrivilegeEscalation'] !== false) return undefined;
  const added = listAt(objectAt(context, 'capabilities'), 'add');
  const said =
    context['privileged'] === true
      ? 'privileged: true'
      : added.find((capability) => capability === 'CAP_SYS_ADMIN' || capability === 'SYS_ADMIN');
  return said === undefined
    ? undefined
    : `its securityContext has ${typeof said === 'string' ? said : ''}, which contradicts allowPrivilegeEscalation: false; the helper needs neither`;
}

function portFault(container: JsonObject): string | undefined {
  const names = listAt(container, 'ports').map((port) =>
    isObject(port) ? port['name'] : undefined,
  );
  const twice = names.find((name, index) => name !== undefined && names.indexOf(name) !== index);
  return typeof twice === 'string'
    ? `its port name "${twice}" would stand twice; give the pod's own port another name`
    : undefined;
}

function restartFault(container: JsonObject, kubernetesMinor: number): string | undefined {
  if (container['restartPolicy'] !== 'Always')
    return 'among initContainers it must have restartPolicy: Always, or the app would never start; write that, or move it to containers';
  return kubernetesMinor < nativeSidecarsKnown
    ? `it would stand among the init containers and run on, which Kubernetes 1.${kubernetesMinor} does not know; set ${annotationKey('native-sidecar')}: "false"`
    : undefined;
}

/** All annotations of an object together. @see Kubernetes TotalAnnotationSizeLimitB */
const maxAnnotationBytes = 256 * 1024;

/** @throws {AppError} POD_UNFIT where our status would be one annotation too many */
export function refuseLongStatus(template: JsonObject, status: string): void {
  const others = Object.entries(objectAt(objectAt(template, 'metadata'), 'annotations'));
  const bytes = [...others.filter(([key]) => key !== statusKey), [statusKey, status] as const]
    .map(([key, value]) => Buffer.byteLength(key) + byteLength(value))
    .reduce((sum, size) => sum + size, 0);
  if (bytes <= maxAnnotationBytes) return;
  throw new AppError(
    'POD_UNFIT',
    `with ${statusKey} (${byteLength(status)} bytes) the annotations of the pod template have ${bytes} bytes, and Kubernetes takes ${maxAnnotationBytes}; make others shorter`,
    { facts: { key: statusKey } },
  );
}

function byteLength(value: Json | undefined): number {
  return typeof value === 'string' ? Buffer.byteLength(value) : 0;
}
