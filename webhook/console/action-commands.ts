/** What a person would type for an action, and what that changes. */
import { kindNamed } from '../objects/kinds.ts';
import type { ConsoleAction } from './console-reports.ts';

/**
 * What the console itself holds: the command is about the same cluster, whatever kubectl's current context is by then.
 */
export interface CommandTarget {
  readonly context: string | undefined;
  readonly kubeconfig: string | undefined;
}

export interface ActionText {
  readonly command: string;
  readonly consequence: string;
}

/** Stands in a command where a claim's value is. */
const valuePlace = '{value}';

/**
 * Why a claim of this name cannot be written for `svidecar ban` as it is; undefined where it can.
 * @see webhook/cli, where the first `=` ends the claim, and a hyphen begins an option
 */
export function claimFault(claim: string): string | undefined {
  const isPlain = !claim.includes('=') && !claim.includes(valuePlace) && !claim.startsWith('-');
  return isPlain
    ? undefined
    : `a claim's name may neither begin with "-" nor hold "=" or "${valuePlace}": svidecar ban could not be told it`;
}

/** @param list `namespace/name/key` of a ConfigMap, for bans. Undefined where the action cannot be done so. */
export function actionText(
  action: ConsoleAction,
  target: CommandTarget,
  list: string | undefined,
): ActionText | undefined {
  if (action.kind === 'restart') return restartText(action, target);
  if (list === undefined) return undefined;
  const at = `--configmap ${quoted(list)}${clusterFlags(target)}`;
  switch (action.kind) {
    case 'ban_add': {
      const end = action.for === undefined ? '' : ` --for ${quoted(action.for)}`;
      const reason = action.reason === undefined ? '' : ` --reason ${quoted(action.reason)}`;
      return {
        command: `svidecar ban add ${claimIs(action.claim)}${end}${reason} ${at}`,
        consequence: `Whoever has this value in ${action.claim} is refused wherever ${list} is read, ${action.for === undefined ? 'for good' : `for ${action.for}`}.`,
      };
    }
    case 'ban_lift':
      return {
        command: `svidecar ban remove ${claimIs(action.claim)} ${at}`,
        consequence: `All bans of this value of ${action.claim} in ${list} are lifted.`,
      };
    case 'ban_lift_shown':
      return {
        command: `svidecar ban remove 'CLAIM=${valuePlace}' ${at}`,
        consequence: `All bans of the same claim and value as this one in ${list} are lifted.`,
      };
  }
}

function restartText(
  { namespace, workloadKind, name }: Extract<ConsoleAction, { kind: 'restart' }>,
  target: CommandTarget,
): ActionText | undefined {
  if (kindNamed(workloadKind)?.isRestartable !== true) return undefined;
  const what = `${workloadKind.toLowerCase()}/${name}`;
  return {
    command: `kubectl rollout restart ${quoted(what)} -n ${quoted(namespace)}${clusterFlags(target)}`,
    consequence: `The pods of ${what} are made anew, as its update strategy says; the webhook looks at its pod template again.`,
  };
}

/** With a space before each. */
export function clusterFlags({ context, kubeconfig }: CommandTarget): string {
  return [
    ...(context === undefined || context === '' ? [] : [` --context ${quoted(context)}`]),
    ...(kubeconfig === undefined ? [] : [` --kubeconfig ${quoted(kubeconfig)}`]),
  ].join('');
}

function claimIs(claim: string): string {
  return `'${escaped(claim)}=${valuePlace}'`;
}

/** One word for a shell. @see POSIX, "Quoting" */
export function quoted(text: string): string {
  return /^[\w@%+:,./-]+$/.test(text) ? text : `'${escaped(text)}'`;
}

function escaped(text: string): string {
  return text.replaceAll("'", String.raw`'\''`);
}
