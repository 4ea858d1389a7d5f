/** Who sent a request, and whether they may: by JWT-SVID where they show one, else by X.509-SVID. */
import type { IncomingMessage } from 'node:http';
import type { SpiffeId } from '#kernel/spiffe-id.ts';
import { callerFilter } from '../../sidecar/authz/allow-callers.ts';
import { Problem } from '../service/problem.ts';
import { headerValues } from './header-values.ts';
import type { PeerCallers } from './peer-callers.ts';
import type { TokenCallers } from './token-callers.ts';

/** Undefined: nobody is asked who they are. Rejects with a {@link Problem}. */
export type WhoCalls = (
  request: Pick<IncomingMessage, 'rawHeaders' | 'socket'>,
  nowMs: number,
) => Promise<SpiffeId | undefined>;

export const anybody: WhoCalls = () => Promise.resolve(undefined);

export interface WhoCallsOptions {
  /** Patterns of SPIFFE IDs. */
  readonly allow: readonly string[];
  /** Undefined: tokens in a request are not its sender's. */
  readonly tokens: TokenCallers | undefined;
  /** Undefined: certificates are not asked for. */
  readonly peers: Pick<PeerCallers, 'idOf'> | undefined;
}

export function whoCalls({ allow, tokens, peers }: WhoCallsOptions): WhoCalls {
  const mayCall = callerFilter(allow);
  return async (request, nowMs) => {
    const shown = headerValues(request, 'authorization');
    if (tokens !== undefined && (shown.length > 0 || peers === undefined))
      return tokens(shown, nowMs / 1_000);
    const id = peers?.idOf(request.socket, nowMs);
    if (id === undefined) throw new Problem('caller_unknown', 'show a JWT-SVID or an X.509-SVID');
    if (!mayCall(id))
      throw new Problem(
        'caller_not_allowed',
        'the certificate is valid, but its SPIFFE ID may not call this service',
      );
    return id;
  };
}
