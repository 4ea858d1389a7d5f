/** What the user lacks in a cluster: said once, as objects that somebody who may can apply. */
import { printable } from '#kernel/text.ts';
import { askUserName, rightText, type AccessRight, type RightsApi } from '../kube/denied-rights.ts';
import { rolesText, unknownUser } from '../objects/roles-for.ts';
import type { Terminal } from './terminal.ts';

/** Milliseconds for the question who we are. */
const userMs = 5_000;
/** Their contents are keys: a command that may not read them does without. */
const neverAdvised = 'secrets';

/**
 * Prints nothing where nothing was refused. All of it is YAML, with sentences as comments.
 * @param needs what else the command asks for once it may: said at once, so that nobody is asked twice
 */
export async function tellMissingRights(
  api: RightsApi,
  terminal: Pick<Terminal, 'err'>,
  needs: readonly AccessRight[] = [],
): Promise<void> {
  const missing = missingRights(api, needs);
  if (missing.length === 0) return;
  const user = await askUserName(api, AbortSignal.timeout(userMs));
  const who = user === undefined ? 'You lack' : `User "${printable(user)}" lacks`;
  terminal.err(
    `# ${who} rights in this cluster. Somebody who may grant them applies these objects (kubectl apply -f -):\n`,
  );
  if (user === undefined)
    terminal.err(`# The server does not say who you are: replace ${unknownUser}.\n`);
  if (missing.some(({ namespace }) => namespace !== undefined))
    terminal.err('# For a namespace that does not exist kubectl says so; the rest is applied.\n');
  terminal.err(rolesText(missing, user ?? unknownUser));
}

/** What was refused, and what will be asked for next and was not accepted yet. */
function missingRights(api: RightsApi, needs: readonly AccessRight[]): readonly AccessRight[] {
  const denied = api.denied.filter(({ resource }) => resource !== neverAdvised);
  if (denied.length === 0) return [];
  const all = [...denied, ...needs.filter((right) => !api.isGiven(right))];
  return [...new Map(all.map((right) => [rightText(right), right])).values()];
}
