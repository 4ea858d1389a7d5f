/** The statuses of a namespace, read one by one: a broken or hostile one affects only its own workload. */
import { AppError, messageOf } from '#kernel/errors.ts';
import { helperNameBy } from '../injection/compose.ts';
import { derivedNameBy } from '../injection/plan-name.ts';
import { ruleOfName } from '../injection/hash.ts';
import { parseStatus, type Status } from '../injection/status.ts';

/** An object that carries a status. */
interface Carrier {
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
  readonly status: string;
  /** Its parsed value, where that is known without reading it. */
  readonly says?: Status;
  readonly isStatusWithheld?: true;
}

export type ParseStatus = (text: string) => Status;

const mebi = 1_048_576;
/** Characters of different status annotations that the controller holds. One has 2,000 to 6,000; the API server accepts 262,144. */
export const heldStatuses = Object.freeze({ ofNamespace: 4 * mebi, ofAll: 16 * mebi });

export interface ReadStatuses<User> {
  readonly statuses: ReadonlyMap<User, Status>;
  /** Sentences: why the others cannot be used. */
  readonly faults: ReadonlyMap<User, string>;
}

type Read = Status | { readonly fault: string };

/** @param parse as {@link parseStatus}, perhaps with a cache */
export function readStatuses<User extends Carrier>(
  users: readonly User[],
  parse: ParseStatus = parseStatus,
): ReadStatuses<User> {
  const statuses = new Map<User, Status>();
  const faults = new Map<User, string>();
  // Replicas of one workload have the same status.
  const read = new Map<string, Read>();
  for (const user of users) {
    const status = read.get(user.status) ?? readStatus(user, parse);
    if ('fault' in status) {
      faults.set(user, status.fault);
      continue;
    }
    read.set(user.status, status);
    statuses.set(user, status);
  }
  return { statuses, faults };
}

/**
 * Users can write the annotation: names in it count only where they match the contents that they name, so that
 * nobody can have a ConfigMap of another name written.
 */
function readStatus(user: Carrier, parse: ParseStatus): Read {
  const where = `${user.kind} ${user.namespace}/${user.name}`;
  if (user.isStatusWithheld === true) return { fault: `${where}: ${withheldStatus}` };
  try {
    const status = user.says ?? parse(user.status);
    const fault = faultOf(status);
    return fault === undefined ? status : { fault: `${where}: its status annotation ${fault}` };
  } catch (thrown) {
    if (thrown instanceof AppError) return { fault: `${where}: ${thrown.message}` };
    // A bug of ours that this text reveals: the others must not suffer from it.
    return { fault: `${where}: its status annotation cannot be read (${messageOf(thrown)})` };
  }
}

/** The API server is asked for it again in half an hour, or when its object changes. */
const withheldStatus =
  `its status annotation is not held: svidecar holds at most ${heldStatuses.ofNamespace / mebi} MiB of different ones of a namespace and ` +
  `${heldStatuses.ofAll / mebi} MiB in all, and its ConfigMaps stay as they are; remove workloads that nobody needs, and statuses that svidecar did not write`;

function faultOf({ helper, envoy, revision }: Status): string | undefined {
  const isHelperOurs =
    helper === undefined ||
    ruleOfName(helper.configMap, helperNameBy(helper.settings), revision) !== undefined;
  const isEnvoyOurs =
    envoy === undefined || ruleOfName(envoy.derived, derivedNameBy(envoy), revision) !== undefined;
  if (!isHelperOurs || !isEnvoyOurs) return 'names ConfigMaps that do not match its contents';
  // A lone surrogate is stored as another character: the stored text would never equal the wanted one.
  if (helper?.settings.isWellFormed() === false) return 'has settings that are not Unicode text';
  return undefined;
}
