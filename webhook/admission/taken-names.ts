/**
 * Whether somebody else's ConfigMap has a name that pods would mount. The kubelet mounts whatever is there when a
 * pod starts: the helper would follow rules, and Envoy a configuration, that nobody asked for.
 */
import { AppError } from '#kernel/errors.ts';
import { helperData } from '../injection/compose.ts';
import { isLegacyName } from '../injection/hash.ts';
import type { Status } from '../injection/status.ts';

/** What exists under a name. */
interface HeldConfigMap {
  /** Whether it carries our label, so that the controller may repair it. */
  readonly isManaged: boolean;
  /** Whether it holds exactly these texts. */
  readonly holds: (data: Readonly<Record<string, string>>) => boolean;
}

/** Reads from memory; undefined when nothing of this name is known. */
export type ReadHeld = (namespace: string, name: string) => HeldConfigMap | undefined;

interface Mounting {
  readonly namespace: string;
  /** Whether a pod is about to start, rather than a workload to be stored. */
  readonly isPod: boolean;
  readonly read: ReadHeld;
}

/** @throws {AppError} CONFIGMAP_TAKEN */
export function refuseTaken({ helper, envoy }: Status, mounting: Mounting): void {
  const fault =
    (helper === undefined ? undefined : helperFault(helper, mounting)) ??
    (envoy === undefined ? undefined : copyFault(envoy.derived, mounting));
  if (fault !== undefined) throw new AppError('CONFIGMAP_TAKEN', fault);
}

/** Settings are judged by what they are: the right ones do no harm, whoever wrote them. */
function helperFault(
  { configMap, settings }: NonNullable<Status['helper']>,
  { namespace, isPod, read }: Mounting,
): string | undefined {
  const there = read(namespace, configMap);
  if (there === undefined || there.holds(helperData(settings))) return undefined;
  const name = `ConfigMap ${namespace}/${configMap}`;
  if (!there.isManaged) return foreign(name, "other settings than this workload's");
  // A workload is admitted: the controller repairs the ConfigMap only for a stored one.
  if (!isPod) return undefined;
  const advice = isLegacyName(configMap)
    ? 'its short name is from a version before 0.1.0 and does not tell whose it is: restart the workload (kubectl rollout restart), which gives it a name of 128 bits'
    : 'it was changed, and svidecar is repairing it: try again (controllers do so by themselves); if that does not help, delete it';
  return `${name} does not hold this pod's settings; ${advice}`;
}

/** A copy follows its source, and one without our label follows nothing: what it holds now says little. */
function copyFault(derived: string, { namespace, read }: Mounting): string | undefined {
  if (read(namespace, derived)?.isManaged !== false) return undefined;
  return foreign(
    `ConfigMap ${namespace}/${derived}`,
    'contents that svidecar neither wrote nor updates',
  );
}

function foreign(name: string, holding: string): string {
  return (
    `${name}, which its pods would mount, is not svidecar's (no label app.kubernetes.io/managed-by: svidecar) and holds ${holding}; ` +
    'find out who created it, then delete or rename it: svidecar creates its own under this name'
  );
}
