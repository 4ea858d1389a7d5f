/** Exit codes by kind of failure, the same for every command; `docs/errors.md` lists them by error code. */
import { AppError, type ErrorCode } from '#kernel/errors.ts';

export const exitCodes = {
  ok: 0,
  /** Something in the input was refused; the rest was done. */
  refused: 1,
  usage: 2,
  /** A file, an object, the cluster or another program is not there, or may not be read. */
  unreachable: 3,
  /** `diff --exit-code`: there are differences. */
  different: 4,
  /** `check`: warnings, and no error. */
  warned: 5,
  /** `ban check`, `ban remove`: there is no such ban. */
  notBanned: 6,
  /** A bug in svidecar. */
  internal: 70,
} as const;

const unreachable: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'BAN_STORE_FORBIDDEN',
  'BAN_STORE_UNREACHABLE',
  'CLUSTER_FORBIDDEN',
  'CLUSTER_UNREACHABLE',
  'FILE_UNREADABLE',
  'OBJECT_NOT_FOUND',
  'SPIRE_FAILED',
  'SPIRE_FORBIDDEN',
  'SPIRE_UNREACHABLE',
  'WORKLOAD_API_UNAVAILABLE',
]);

export function exitCodeOf(code: ErrorCode): number {
  if (code === 'USAGE') return exitCodes.usage;
  return unreachable.has(code) ? exitCodes.unreachable : exitCodes.refused;
}

/** Several failures: their own code where they agree, else `refused`. */
export function exitCodeOfAll(codes: readonly ErrorCode[]): number {
  const numbers = new Set(codes.map(exitCodeOf));
  const [first = exitCodes.ok] = numbers;
  return numbers.size > 1 ? exitCodes.refused : first;
}

/** The exit code of what was found in a part of the input, where another part could not be read. */
export function exitCodeBeside(faults: readonly AppError[], found: number): number {
  if (faults.length === 0 || found === exitCodes.refused) return found;
  return exitCodeOfAll(faults.map(({ code }) => code));
}

export function exitCodeOfError(thrown: unknown): number {
  return thrown instanceof AppError ? exitCodeOf(thrown.code) : exitCodes.internal;
}
