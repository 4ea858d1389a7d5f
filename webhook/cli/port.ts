/** Port numbers on the command line. */
import { AppError } from '#kernel/errors.ts';

/** 0 lets the system choose. @throws {AppError} USAGE */
export function parsePort(text: string): number {
  return portOfFlag('--port', text);
}

/** @throws {AppError} USAGE */
export function portOfFlag(flag: string, text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new AppError('USAGE', `${flag} ${text}: write a number from 0 to 65535`);
}
