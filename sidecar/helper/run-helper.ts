/** The helper as a program: arguments, settings file, signals, exit code. `main.ts` and `svidecar helper` call it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, messageOf, type ErrorCode } from '#kernel/errors.ts';
import { printable } from '#kernel/text.ts';
import { ownTrustDomains } from '../config/own-trust-domains.ts';
import { skipsEverything } from '../config/skip-paths.ts';
import type { HelperSettings } from '../config/settings.ts';
import { readCommandLine, usage } from './command-line.ts';
import { followFile, readText } from './follow-file.ts';
import { Helper } from './helper.ts';
import { HelperLog } from './helper-log.ts';
import { lingered, lingerMs } from './linger.ts';
import { loadSettings } from './load-settings.ts';

export interface HelperSurroundings {
  /** Without the runtime and the script. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
  /** Resolves with the name of the signal that asks the program to stop. */
  readonly stopped: Promise<string>;
  /**
   * The last resort, once the helper works: what nobody caught is told to `listener` and ends nothing. Nothing is built on
   * it.
   */
  readonly onStray: (listener: (thrown: unknown) => void) => void;
}

/** @see usage */
const exitCodes: Partial<Record<ErrorCode, number>> = {
  CONFIG_INVALID: 3,
  FILE_UNREADABLE: 3,
  LISTEN_FAILED: 4,
};

/** Runs until it is stopped; never throws. @returns the exit code that `usage` documents. */
export async function runHelper(surroundings: HelperSurroundings): Promise<number> {
  const { argv, write, writeError, version } = surroundings;
  const command = readCommandLine(argv);
  switch (command.kind) {
    case 'help':
      write(usage);
      return 0;
    case 'version':
      write(`auth-helper ${version}\n`);
      return 0;
    case 'wrong':
      writeError(`auth-helper: ${printable(command.words)}\n\n${usage}`);
      return 2;
    case 'run':
      return await runUntilStopped(command.file, surroundings);
    default:
      return command satisfies never;
  }
}

async function runUntilStopped(file: string, surroundings: HelperSurroundings): Promise<number> {
  const log = new HelperLog(surroundings.write, Date.now);
  try {
    const text = readText(file);
    const settings = await loadSettings(text, file);
    const mostMs = lingerMs(surroundings.env);
    log.level = settings.logLevel;
    log.info({ version: surroundings.version, settings: file }, 'starting');
    tellOfRules(settings, log);
    const helper = new Helper({ ...helperOptions(settings, surroundings.env), log });
    await helper.start();
    surroundings.onStray((thrown) => {
      helper.countFault(thrown);
    });
    const onText = reloading({ file, helper, settings, log });
    const stopFollowing = followFile(file, { known: text, onText });
    const signal = await surroundings.stopped;
    log.info({ signal, connections: helper.connections }, 'stopping');
    // Whoever stops it by hand does not wait.
    if (signal === 'SIGTERM') {
      const connections = (): number => helper.connections;
      await lingered({ connections, mostMs, now: () => performance.now(), sleep });
    }
    stopFollowing();
    await helper.stop();
    log.info({}, 'stopped');
    return 0;
  } catch (thrown) {
    const code = thrown instanceof AppError ? thrown.code : undefined;
    log.error({ code }, messageOf(thrown));
    return (code === undefined ? undefined : exitCodes[code]) ?? 1;
  }
}

function helperOptions(settings: HelperSettings, env: HelperSurroundings['env']) {
  const address = settings.workloadApi ?? env['SPIFFE_ENDPOINT_SOCKET'];
  const workloadApi = address === '' ? undefined : address;
  const names = {
    namespace: env['POD_NAMESPACE'],
    pod: env['POD_NAME'],
    serviceAccount: env['SERVICE_ACCOUNT'],
  };
  return { settings, workloadApi, names, clock: { now: Date.now } };
}

/** Takes a file's new text; settings that are wrong leave the last good ones in force. */
function reloading(options: {
  readonly file: string;
  readonly helper: Helper;
  readonly settings: HelperSettings;
  readonly log: HelperLog;
}): (text: string) => void {
  const { file, helper, log } = options;
  const fixed = JSON.stringify(fixedOf(options.settings));
  let newest = 0;
  const take = async (text: string): Promise<void> => {
    newest += 1;
    const turn = newest;
    try {
      const settings = await loadSettings(text, file);
      // A newer text has come while readers were loaded for this one.
      if (turn !== newest) return;
      helper.reload(settings);
      log.level = settings.logLevel;
      log.info({ settings: file }, 'settings reloaded');
      tellOfRules(settings, log);
      if (JSON.stringify(fixedOf(settings)) !== fixed)
        log.warn(
          {},
          'a changed workloadApi, listen, health or dataPath takes effect at the next start',
        );
    } catch (thrown) {
      helper.countRefusedReload();
      log.error({ fault: messageOf(thrown) }, 'settings refused, the last good ones stay in force');
    }
  };
  return (text) => void take(text);
}

function tellOfRules(settings: HelperSettings, log: HelperLog): void {
  warnOfOpen(settings, log);
  sayWhoMayCall(settings, log);
}

function warnOfOpen({ rules }: HelperSettings, log: HelperLog): void {
  for (const rule of rules)
    if (rule.mode === 'validate' && skipsEverything(rule.skipPaths))
      log.warn(
        { rule: rule.name },
        'skipPaths lets every path pass without a token: nothing is validated',
      );
}

/** Without names the workload's own trust domain may call. */
function sayWhoMayCall({ rules, dataPath }: HelperSettings, log: HelperLog): void {
  // Envoy's own filter decides there.
  if (dataPath === 'native') return;
  for (const rule of rules) {
    if (rule.mode !== 'validate' || rule.allowCallers !== undefined) continue;
    const own = ownTrustDomains(rule.audiences);
    const callers =
      own.length > 0
        ? `callers of ${own.join(', ')} are let in`
        : 'callers are let in while there are keys of one trust domain only, the own one';
    log.info(
      { rule: rule.name },
      `allowCallers is not set: only ${callers}; name in it whoever else may call`,
    );
  }
}

function fixedOf({ workloadApi, listen, health, dataPath }: HelperSettings) {
  return { workloadApi, listen, health, dataPath };
}
