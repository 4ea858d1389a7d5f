/** The Workload API over gRPC: one channel, calls that end in values, streams that end once. */
import { messageOf } from '#kernel/errors.ts';
import {
  SpiffeWorkloadAPIDefinition,
  type JWTSVID,
  type MessageFns,
  type X509SVID,
} from '../gen/workload.ts';
import { parseWorkloadApiAddress } from './address.ts';
import type {
  CallFailure,
  CallOptions,
  CallOutcome,
  JwtSvid,
  JwtSvidRequest,
  Watch,
  WorkloadApi,
  X509Svid,
} from './api.ts';
import { callEnd, type CallEnd } from './call-end.ts';
import { failureOf } from './failure.ts';
import { GrpcChannel, type ChannelLimits } from './grpc-channel.ts';

const { fullName, methods } = SpiffeWorkloadAPIDefinition;
/** Every call must carry it: a request forged through a confused web server would not. */
const securityMetadata = [['workload.spiffe.io', 'true']] as const;

/**
 * Connects on the first call; a socket that is not there yet is a failed call, not an error here.
 * @param address `unix:///path` or `tcp://ip:port`
 * @param limits for tests, which cannot wait that long
 * @throws {AppError} CONFIG_INVALID when the address is none
 */
export function openWorkloadApi(address: string, limits?: Partial<ChannelLimits>): WorkloadApi {
  const channel = new GrpcChannel(parseWorkloadApiAddress(address), securityMetadata, limits);
  return {
    address,
    fetchJwtSvids: (request, options) => fetchJwtSvids(channel, request, options),
    watchJwtBundles: watch(channel, methods.fetchJWTBundles, ({ bundles }) => mapOf(bundles)),
    watchX509Svids: watch(channel, methods.fetchX509SVID, ({ svids, federatedBundles }) => ({
      svids: svids.map(x509SvidOf),
      federatedBundles: mapOf(federatedBundles),
    })),
    watchX509Bundles: watch(channel, methods.fetchX509Bundles, ({ bundles }) => mapOf(bundles)),
    close: () => {
      channel.close();
    },
  };
}

interface Method<Request, Response> {
  readonly name: string;
  readonly requestType: MessageFns<Request>;
  readonly responseType: MessageFns<Response>;
}

function pathOf({ name }: Pick<Method<never, never>, 'name'>): string {
  return `/${fullName}/${name}`;
}

function mapOf(bundles: Readonly<Record<string, Buffer>>): ReadonlyMap<string, Buffer> {
  return new Map(Object.entries(bundles));
}

function failed({ status, details }: CallEnd): CallFailure {
  return failureOf(status, details);
}

/** A message that is none is the agent's fault. */
function unreadable(thrown: unknown): CallEnd {
  return callEnd('INTERNAL', `a message cannot be read: ${messageOf(thrown)}`);
}

function fetchJwtSvids(
  channel: GrpcChannel,
  request: JwtSvidRequest,
  { deadlineMs, signal }: CallOptions,
): Promise<CallOutcome<readonly JwtSvid[]>> {
  const { requestType, responseType } = methods.fetchJWTSVID;
  const { audiences, spiffeId = '' } = request;
  const message = requestType.encode({ audience: audiences, spiffeId }).finish();
  return new Promise((resolve) => {
    const answers: CallOutcome<readonly JwtSvid[]>[] = [];
    const onEnd = (end: CallEnd): void => {
      signal?.removeEventListener('abort', cancel);
      const [answer] = answers;
      if (end.status !== 'OK') resolve({ kind: 'failed', failure: failed(end) });
      else if (answer !== undefined && answers.length === 1) resolve(answer);
      else {
        const words = `${answers.length} messages where one was expected`;
        resolve({ kind: 'failed', failure: failureOf('INTERNAL', words) });
      }
    };
    const onMessage = (bytes: Buffer): void => {
      try {
        answers.push({ kind: 'done', value: responseType.decode(bytes).svids.map(jwtSvidOf) });
      } catch (thrown) {
        answers.push({ kind: 'failed', failure: failed(unreadable(thrown)) });
      }
      if (answers.length > 1) call.cut('INTERNAL', 'more messages than one');
    };
    const call = channel.start(
      { path: pathOf(methods.fetchJWTSVID), message, deadlineMs },
      { onMessage, onEnd },
    );
    const cancel = (): void => {
      call.cut('CANCELLED', 'called off by this side');
    };
    if (signal?.aborted === true) cancel();
    else signal?.addEventListener('abort', cancel, { once: true });
  });
}

function jwtSvidOf({ spiffeId, svid, hint }: JWTSVID): JwtSvid {
  return { spiffeId, token: svid, hint };
}

function x509SvidOf({ spiffeId, x509Svid, x509SvidKey, bundle, hint }: X509SVID): X509Svid {
  return { spiffeId, certificates: x509Svid, privateKey: x509SvidKey, bundle, hint };
}

function watch<M, T>(
  channel: GrpcChannel,
  method: Method<object, M>,
  read: (message: M) => T,
): Watch<T> {
  const message = method.requestType.encode({}).finish();
  return (observer) => {
    const call = channel.start(
      { path: pathOf(method), message },
      {
        onMessage: (bytes) => {
          let value: T;
          try {
            value = read(method.responseType.decode(bytes));
          } catch (thrown) {
            const { status, details } = unreadable(thrown);
            call.cut(status, details);
            return;
          }
          observer.onMessage(value);
        },
        onEnd: (end) => {
          observer.onEnd(end.status === 'OK' ? failed(orderly) : failed(end));
        },
      },
    );
    return () => {
      call.drop();
    };
  };
}

/** An orderly end is an end as well: the API streams for as long as it lives. */
const orderly = callEnd('UNAVAILABLE', 'the agent ended the stream');
