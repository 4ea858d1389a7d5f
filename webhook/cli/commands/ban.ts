/** `svidecar ban`: bans by hand. */
import { Command } from 'commander';
import { AppError } from '#kernel/errors.ts';
import { printable } from '#kernel/text.ts';
import { checkToken } from '../../../bans/store/check-token.ts';
import type { BanStore, StoredBan } from '../../../bans/store/ban-store.ts';
import { addBanStoreFlags, withBanStore, type BanStoreFlags } from '../ban-flags.ts';
import { banJson, extentOf, printJson, printTable, whoOf } from '../ban-report.ts';
import { banTimes, claimValue, isClaimValue, type TimeFlags } from '../ban-words.ts';
import { exitCodes } from '../exit-codes.ts';
import { outputOption } from '../options.ts';
import type { CliContext } from '../terminal.ts';

const examples = `
Examples:
  svidecar ban add email=jo@example.org --for 24h --reason "case 12"
  svidecar ban add sub=42 --issued-before now          sign out everywhere: older tokens are refused
  svidecar ban list -n edge
  svidecar ban check email=jo@example.org --configmap edge/svidecar-bans
  svidecar ban remove email=jo@example.org

Without a store, the ConfigMap svidecar-bans of the current namespace is meant, which the template jwt-ban reads.`;

/** Whom, on every command line. */
const who = 'such as email=jo@example.org or /realm/user=jo; or {"claim": …, "value": …} as JSON';

export function banCommand(context: CliContext): Command {
  return new Command('ban')
    .summary('shut users, sessions or tokens out, and see who is')
    .description(
      'Shut users, sessions or tokens out at every Envoy with a ban rule, while their tokens are still valid.',
    )
    .addHelpText('after', examples)
    .addCommand(addCommand(context))
    .addCommand(removeCommand(context))
    .addCommand(listCommand(context))
    .addCommand(watchCommand(context))
    .addCommand(checkCommand(context));
}

interface AddFlags extends BanStoreFlags, TimeFlags {
  readonly reason?: string;
}

function addCommand(context: CliContext): Command {
  const command = new Command('add')
    .summary('ban a value of a claim')
    .description(
      'Ban whoever has this value in a claim. A ban of the same value is replaced; one of older tokens only ever grows.',
    )
    .argument('<claim=value>', who)
    .option('--for <duration>', 'how long, such as 24h (default: for good)')
    .option('--until <time>', 'end of the ban, such as 2026-12-01T00:00:00Z')
    .option('--issued-before <time>', 'only tokens issued before: a time, or now')
    .option('--reason <text>', 'for the access log, up to 256 characters');
  return addBanStoreFlags(command).action(async (text: string, flags: AddFlags) => {
    const { terminal } = context;
    const nowMs = terminal.now();
    const times = banTimes(flags, nowMs);
    const said = { reason: flags.reason, by: undefined, atS: nowMs / 1_000 };
    const ban = { ...claimValue(text), ...times, ...said };
    await withBanStore({ ...flags, mayCreate: true }, context, async (store) => {
      const inForce = await store.put(ban);
      terminal.out(`banned: ${extentOf(inForce)} (${printable(store.name)})\n`);
    });
  });
}

function removeCommand(context: CliContext): Command {
  const command = new Command('remove')
    .summary('lift the bans of a value')
    .description('Lift all bans of this value. Exit code: 0, or 6 when there was none.')
    .argument('<claim=value>', who);
  return addBanStoreFlags(command).action(async (text: string, flags: BanStoreFlags) => {
    const { claim, value } = claimValue(text);
    await withBanStore(flags, context, async (store) => {
      const isThere = await store.remove(claim, value);
      context.terminal.out(
        `${isThere ? 'no longer banned' : 'there was no ban of it'} (${printable(store.name)})\n`,
      );
      if (!isThere) context.exit(exitCodes.notBanned);
    });
  });
}

interface ListFlags extends BanStoreFlags {
  readonly output?: 'table' | 'json';
}

function listCommand(context: CliContext): Command {
  const command = new Command('list')
    .summary('show who is banned')
    .description('Show all bans that have not ended.')
    .addOption(outputOption(['table', 'json'], 'for people or for programs'));
  return addBanStoreFlags(command).action(async (flags: ListFlags) => {
    const { terminal } = context;
    await withBanStore(flags, context, async (store) => {
      if (flags.output === 'json') await printJson(store.list(), terminal);
      else if ((await printTable(store.list(), terminal)) === 0)
        terminal.err(`nobody is banned (${printable(store.name)})\n`);
    });
  });
}

function watchCommand(context: CliContext): Command {
  const command = new Command('watch')
    .summary('show each change of the bans')
    .description('Show each ban that is added, removed or ends from now on, until Ctrl-C.')
    .addOption(outputOption(['text', 'json'], 'for people, or an object in each line'));
  return addBanStoreFlags(command).action(
    async (flags: BanStoreFlags & { readonly output?: 'text' | 'json' }) => {
      const { terminal } = context;
      const signal = terminal.untilInterrupted();
      await withBanStore(flags, context, async (store) => {
        terminal.err(`watching ${store.name}; Ctrl-C ends it\n`);
        const onTrouble = (why: string | undefined): void => {
          const words = `${printable(why ?? '')}; changes are shown once the store is back`;
          terminal.err(`${why === undefined ? 'the store is back' : words}\n`);
        };
        for await (const { kind, ban } of store.watch(signal, onTrouble)) {
          terminal.out(
            flags.output === 'json'
              ? `{"change":"${kind}","ban":${banJson(ban)}}\n`
              : `${new Date(terminal.now()).toISOString()} ${kind.padEnd(7)} ${whoOf(ban)}  ${extentOf(ban)}\n`,
          );
        }
      });
    },
  );
}

interface CheckFlags extends BanStoreFlags {
  readonly claims: string;
}

const checkHelp = `
A token is read from the argument or, with -, from standard input. Its signature is not checked, and it is not printed.
Exit code: 0 banned · 6 not banned · 2 wrong usage, also a token that cannot be read · 3 the store cannot be reached.
So "svidecar ban check … && …" goes on only where a ban was found.`;

function checkCommand(context: CliContext): Command {
  const command = new Command('check')
    .summary('say whether a token or a value is banned')
    .description('Say whether a token, or a value of a claim, is banned: exit code 0 if it is.')
    .argument('<token|claim=value>', 'a JWT, - for standard input, or a claim and value')
    .option(
      '--claims <names>',
      'of a token: the claims that the rule looks up',
      'sub,email,sid,jti',
    );
  return addBanStoreFlags(command)
    .addHelpText('after', checkHelp)
    .action(async (text: string, flags: CheckFlags) => {
      await withBanStore(flags, context, async (store) => {
        const { isBanned, words } = isClaimValue(text)
          ? await ofValue(text, store)
          : await ofToken(text, flags, { store, context });
        context.terminal.out(
          `${isBanned ? 'banned' : 'not banned'}: ${words} (${printable(store.name)})\n`,
        );
        context.exit(isBanned ? exitCodes.ok : exitCodes.notBanned);
      });
    });
}

interface Checked {
  readonly isBanned: boolean;
  readonly words: string;
}

async function ofValue(text: string, store: BanStore): Promise<Checked> {
  const { claim, value } = claimValue(text);
  const bans = await store.get(claim, value);
  if (bans.length === 0) return { isBanned: false, words: 'there is no ban of this value' };
  return { isBanned: true, words: bans.map(wordsOf).join('; ') };
}

function wordsOf(ban: StoredBan): string {
  return `${extentOf(ban)}${ban.reason === undefined ? '' : `, reason: ${printable(ban.reason)}`}`;
}

interface Asked {
  readonly store: BanStore;
  readonly context: CliContext;
}

async function ofToken(
  text: string,
  flags: CheckFlags,
  { store, context }: Asked,
): Promise<Checked> {
  const token = (text === '-' ? context.terminal.readStdin() : text).trim();
  const claims = flags.claims.split(',').map((claim) => claim.trim());
  const answer = await checkToken(store, token.replace(/^bearer\s+/i, ''), claims);
  switch (answer.kind) {
    case 'banned':
      return { isBanned: true, words: `by ${printable(answer.ban.claim)}, ${wordsOf(answer.ban)}` };
    case 'not_banned':
      return { isBanned: false, words: 'none of its claims is' };
    case 'claim_missing':
      return { isBanned: false, words: `it has none of the claims ${claims.join(', ')}` };
    case 'issued_at_missing':
      return { isBanned: false, words: 'older tokens are, and it does not say when it was issued' };
    case 'token_unreadable':
      throw new AppError(
        'USAGE',
        'this is no token that can be read: give a JWT of three parts, or CLAIM=VALUE',
      );
  }
}
