/** What a server wants to see of whoever connects, read from files each time: certificates and passwords are renewed there. */
import { readFile } from 'node:fs/promises';
import { AppError, messageOf } from '#kernel/errors.ts';
import { withoutTail } from '#kernel/text.ts';
import type { RedisSettings } from '../config/redis-settings.ts';

export interface RedisAccess {
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Undefined: without TLS. Members that are undefined are the runtime's own. */
  readonly tls: TlsAccess | undefined;
}

interface TlsAccess {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly servername: string | undefined;
}

type AccessSettings = Pick<
  RedisSettings,
  'url' | 'tls' | 'username' | 'usernameFile' | 'passwordFile'
>;

/** @throws {AppError} FILE_UNREADABLE */
export async function readAccess(settings: AccessSettings): Promise<RedisAccess> {
  const { url = '', tls, username, usernameFile, passwordFile } = settings;
  const isTls = tls !== undefined || url.startsWith('rediss:');
  return {
    username: username ?? (await wordIn('usernameFile', usernameFile)),
    password: await wordIn('passwordFile', passwordFile),
    tls: !isTls
      ? undefined
      : {
          ca: await textIn('tls.ca', tls?.ca),
          cert: await textIn('tls.cert', tls?.cert),
          key: await textIn('tls.key', tls?.key),
          servername: tls?.serverName,
        },
  };
}

async function textIn(what: string, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new AppError('FILE_UNREADABLE', `cannot read ${what}: ${messageOf(cause)}`, { cause });
  }
}

/** Without the end of line that editors add. */
async function wordIn(what: string, file: string | undefined): Promise<string | undefined> {
  const text = await textIn(what, file);
  if (text === undefined) return undefined;
  const word = withoutTail(text, '\r\n');
  if (word !== '') return word;
  throw new AppError('FILE_UNREADABLE', `${what} ${file ?? ''} is empty; write what Redis expects`);
}
