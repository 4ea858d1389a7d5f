/**
 * The configuration of the tutorial's Go helper, turned into our settings, so that ours takes its place unchanged.
 * Keys: socket_path, host, port, jwt_mode ("jwt_injection" or "jwt_svid_validator"), audience.
 */
import { AppError } from '#kernel/errors.ts';
import { healthPort } from './helper-contract.ts';
import { readHcl, type HclEntry } from './hcl.ts';
import { checkSettings, type HelperSettings } from './settings.ts';

const knownKeys: ReadonlySet<string> = new Set([
  'socket_path',
  'host',
  'port',
  'jwt_mode',
  'audience',
]);
const modes = {
  jwt_injection: (audience: string) => ({ name: 'jwt-inject', mode: 'inject', audience }),
  jwt_svid_validator: (audience: string) => ({
    name: 'jwt-validate',
    mode: 'validate',
    audiences: [audience],
  }),
} as const;
/** Where health goes when the service itself has the port that is meant for it: the tutorial uses 9010 and 9011. */
const otherHealthPort = healthPort + 10;

/** @param where names the file in messages. @throws {AppError} CONFIG_INVALID with line and column */
export function readTutorialConf(text: string, where: string): HelperSettings {
  const entries = readHcl(text, where);
  for (const entry of entries) {
    if (!knownKeys.has(entry.key)) {
      throw fault(where, entry, `is unknown; known are ${[...knownKeys].join(', ')}`);
    }
  }
  const conf = new Conf(entries, where);
  const port = conf.port();
  const mode = conf.oneOf('jwt_mode', Object.keys(modes));
  const rule = modes[mode === 'jwt_injection' ? mode : 'jwt_svid_validator'];
  const socket = conf.text('socket_path');
  return checkSettings(
    {
      version: 1,
      workloadApi: socket.includes(':') ? socket : `unix://${socket}`,
      listen: { host: conf.text('host'), port },
      ...(port === healthPort ? { health: { port: otherHealthPort } } : {}),
      rules: [rule(conf.text('audience'))],
    },
    where,
  );
}

class Conf {
  readonly #entries: readonly HclEntry[];
  readonly #where: string;
  constructor(entries: readonly HclEntry[], where: string) {
    this.#entries = entries;
    this.#where = where;
  }

  text(key: string): string {
    const entry = this.#entry(key);
    if (typeof entry.value !== 'string' || entry.value === '')
      throw fault(this.#where, entry, 'must be a string in quotes, and not empty');
    return entry.value;
  }

  oneOf(key: string, allowed: readonly string[]): string {
    const value = this.text(key);
    if (!allowed.includes(value)) {
      const words = `must be ${allowed.map((one) => `"${one}"`).join(' or ')}`;
      throw fault(this.#where, this.#entry(key), words);
    }
    return value;
  }

  /** As a number or, as the tutorial writes it in places, in quotes. */
  port(): number {
    const entry = this.#entry('port');
    const value = Number(entry.value);
    const isPort = Number.isInteger(value) && value >= 1 && value <= 65_535;
    if (typeof entry.value === 'boolean' || !isPort)
      throw fault(this.#where, entry, 'must be a number from 1 to 65535');
    return value;
  }

  #entry(key: string): HclEntry {
    const entry = this.#entries.find((one) => one.key === key);
    if (entry !== undefined) return entry;
    throw new AppError('CONFIG_INVALID', `${this.#where}: "${key}" is missing`);
  }
}

function fault(where: string, { key, line, column }: HclEntry, words: string): AppError {
  return new AppError('CONFIG_INVALID', `${where}:${line}:${column}: "${key}" ${words}`);
}
