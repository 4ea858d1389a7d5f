/** The scene that runs, as `scripts/sds test` sees it: its settings come from `scripts/sds`, by the environment. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isObject, listAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';

export const machines = ['front-envoy', 'service-purple', 'service-gray'] as const;
export type Machine = (typeof machines)[number];
export type Service = Exclude<Machine, 'front-envoy'>;

function settingOf(name: string): string {
  const value = own(process.env, `SVIDECAR_SDS_${name}`);
  if (value === undefined)
    throw new TypeError(`SVIDECAR_SDS_${name} is not set: run scripts/sds test`);
  return value;
}

export const folder = settingOf('FOLDER');
export const httpPort = Number(settingOf('HTTP_PORT'));
export const httpsPort = Number(settingOf('HTTPS_PORT'));
/** `ext-authz` or `native` with tokens, else `off`. */
export const dataPath = settingOf('TOKENS');
export const connectionLifeS = Number(settingOf('CONNECTION_LIFE'));
export const servicePorts: Readonly<Record<Service, number>> = {
  'service-purple': Number(settingOf('PURPLE_PORT')),
  'service-gray': Number(settingOf('GRAY_PORT')),
};

export interface Ended {
  readonly code: number;
  readonly output: string;
}

/** Runs a program to its end. `code` is -1 where it could not run, or took more than a minute. */
export function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const options = { env: { ...process.env, ...env }, timeout: 60_000 };
  return new Promise((resolve) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, output: stdout + stderr });
    });
  });
}

/** Runs a command of `scripts/sds`. @throws {Error} with its output, unless it succeeds. */
export async function sds(
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
): Promise<string> {
  const { code, output } = await run(join(import.meta.dirname, '../sds'), args, env);
  if (code !== 0) throw new Error(`scripts/sds ${args.join(' ')}: ${output}`);
  return output;
}

/** Gives all entries SVIDs of this life. Agents fetch new ones within a second or two. */
export async function registerForS(lifeS: number): Promise<void> {
  await sds(['register'], { SVIDECAR_SDS_SVID_LIFE: `${lifeS}` });
}

export function logOf(part: string): string {
  return readFileSync(join(folder, 'log', `${part}.log`), 'utf8');
}

export interface HeldCertificate {
  readonly serial: string;
  /** Unix milliseconds. */
  readonly endsMs: number;
}

/** The certificate that an Envoy has from SDS, if it has one. @see envoy.admin.v3.Certificates */
export async function certificateOf(machine: Machine): Promise<HeldCertificate | undefined> {
  const answer: unknown = JSON.parse(await adminPage(machine, '/certs'));
  const isOurs = (certificate: JsonObject): boolean =>
    listAt(certificate, 'subject_alt_names').some(
      (name) => isObject(name) && stringAt(name, 'uri') === `spiffe://example.org/${machine}`,
    );
  const found = (isObject(answer) ? listAt(answer, 'certificates') : [])
    .flatMap((each) => (isObject(each) ? listAt(each, 'cert_chain') : []))
    .filter(isObject)
    .find(isOurs);
  if (found === undefined) return undefined;
  const endsMs = Date.parse(stringAt(found, 'expiration_time') ?? '');
  return { serial: stringAt(found, 'serial_number') ?? '', endsMs };
}

function adminPage(machine: Machine, path: string): Promise<string> {
  const socketPath = join(folder, machine, 'envoy/admin.sock');
  return new Promise((resolve, reject) => {
    request({ socketPath, path, timeout: 2_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => {
        resolve(text);
      });
    })
      .on('error', reject)
      .end();
  });
}

/** Asks until the answer is yes. @throws {Error} when it is not within the time. */
export async function eventually(
  what: string,
  isSo: () => Promise<boolean>,
  deadlineS = 15,
): Promise<void> {
  const deadline = performance.now() + deadlineS * 1_000;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`not within ${deadlineS} s: ${what}`);
    await sleep(100);
  }
}
