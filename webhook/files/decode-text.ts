/** Bytes become text, or a refusal: nothing is replaced on the way. */
import { isUtf8 } from 'node:buffer';
import { AppError } from '#kernel/errors.ts';

/**
 * UTF-8, with or without its byte order mark, which stays: what is written back must be the file's own bytes.
 * @throws {AppError} FILE_UNREADABLE for anything else, naming the encoding by its byte order mark, or the first bad line
 */
export function decodeText(bytes: Buffer, where: string): string {
  const other = otherEncoding(bytes);
  if (other !== undefined) throw refusal(where, `it is ${other}`, other);
  if (isUtf8(bytes)) return bytes.toString('utf8');
  throw refusal(`${where}:${firstBadLine(bytes)}`, 'these bytes are not UTF-8', 'WINDOWS-1252');
}

/** By the byte order mark. */
function otherEncoding(bytes: Buffer): string | undefined {
  const mark = bytes.subarray(0, 4).toString('hex');
  if (mark.startsWith('fffe0000') || mark === '0000feff') return 'UTF-32';
  return mark.startsWith('fffe') || mark.startsWith('feff') ? 'UTF-16' : undefined;
}

function refusal(where: string, why: string, encoding: string): AppError {
  const advice = `convert the file, if that is its encoding: iconv -f ${encoding} -t UTF-8`;
  return new AppError('FILE_UNREADABLE', `${where}: ${why}, and only UTF-8 is read; ${advice}`);
}

/** The first line that differs after decoding and encoding again; 1 for the first line. */
function firstBadLine(bytes: Buffer): number {
  const again = Buffer.from(bytes.toString('utf8'), 'utf8');
  const at = bytes.findIndex((byte, index) => byte !== again[index]);
  const before = bytes.subarray(0, Math.max(at, 0));
  return before.reduce((lines, byte) => (byte === 0x0a ? lines + 1 : lines), 1);
}
