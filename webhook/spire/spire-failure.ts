/** A failed call to SPIRE's server, in words an operator can act on. */
import { status } from '@grpc/grpc-js';
import { AppError, type ErrorCode } from '#kernel/errors.ts';

/** Who asks whom for what. */
export interface Asked {
  readonly call: string;
  readonly address: string;
  /** Who asks: the SPIFFE ID of the X.509-SVID, or the socket. */
  readonly as: string;
}

const codes: ReadonlyMap<number, ErrorCode> = new Map([
  [status.UNAVAILABLE, 'SPIRE_UNREACHABLE'],
  [status.DEADLINE_EXCEEDED, 'SPIRE_UNREACHABLE'],
  [status.PERMISSION_DENIED, 'SPIRE_FORBIDDEN'],
  [status.UNAUTHENTICATED, 'SPIRE_FORBIDDEN'],
]);

/** grpc-js ends its message about a failed connection with the name of a note that is often empty. */
const emptyNote = /\.? Resolution note: *$/;

/** @param fault gRPC's status code and its words */
export function spireFailure(
  asked: Asked,
  fault: { readonly code: number; readonly details: string },
): AppError {
  const code = codes.get(fault.code) ?? 'SPIRE_FAILED';
  const said = `${statusName(fault.code)}: ${fault.details.replace(emptyNote, '')}`;
  return new AppError(code, textFor(code, asked, said));
}

/** @param why there is no answer */
export function spireUnreachable({ address }: Pick<Asked, 'address'>, why: string): AppError {
  return new AppError('SPIRE_UNREACHABLE', unreachable(address, why));
}

/** gRPC's name of a status, such as NOT_FOUND. */
export function statusName(code: number): string {
  return status[code] ?? `status ${code}`;
}

function textFor(code: ErrorCode, { call, address, as }: Asked, said: string): string {
  if (code === 'SPIRE_UNREACHABLE') return unreachable(address, `${call}: ${said}`);
  if (code === 'SPIRE_FORBIDDEN') {
    return (
      `the SPIRE server at ${address} does not let ${as} do ${call} (${said}); ` +
      'give the registration entry of that identity admin: true, or name it in admin_ids of the server'
    );
  }
  return `the SPIRE server at ${address} failed at ${call} (${said}); look at its log`;
}

function unreachable(address: string, why: string): string {
  return (
    `the SPIRE server at ${address} does not answer (${why}); ` +
    'check that it runs, and that its address, the network and its socket let this process reach it'
  );
}
