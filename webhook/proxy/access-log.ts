/** One JSON line for each request, on standard output, with the verified caller. No query, which may hold secrets. */
import type { JsonObject } from '#kernel/json.ts';

const stdout = 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog';

const connectionFields = {
  time: '%START_TIME%',
  caller: '%DOWNSTREAM_PEER_URI_SAN%',
  from: '%DOWNSTREAM_REMOTE_ADDRESS%',
  to: '%UPSTREAM_HOST%',
  answered_by: '%UPSTREAM_PEER_URI_SAN%',
  flags: '%RESPONSE_FLAGS%',
  duration_ms: '%DURATION%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  failure: '%DOWNSTREAM_TRANSPORT_FAILURE_REASON%',
  upstream_failure: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
} as const;

const requestFields = {
  method: '%REQ(:METHOD)%',
  // What is asked of the app, and not what a client says was asked before.
  path: '%PATH(NQ:PATH)%',
  host: '%REQ(:AUTHORITY)%',
  protocol: '%PROTOCOL%',
  status: '%RESPONSE_CODE%',
  details: '%RESPONSE_CODE_DETAILS%',
  request_id: '%REQ(X-REQUEST-ID)%',
} as const;

function logger(fields: Readonly<Record<string, string>>, listener: string): JsonObject {
  return {
    name: 'envoy.access_loggers.stdout',
    typed_config: {
      '@type': stdout,
      log_format: {
        json_format: { ...fields, listener },
      },
    },
  };
}

/** Of an HTTP connection manager. */
export function requestLog(listener: string): JsonObject {
  return logger({ ...connectionFields, ...requestFields }, listener);
}

/** Of a TCP proxy. */
export function connectionLog(listener: string): JsonObject {
  return logger(connectionFields, listener);
}

/** Of a listener: connections that were refused before any filter saw them, such as those without a certificate. */
export function refusalLog(listener: string): JsonObject {
  const { caller, ...others } = connectionFields;
  return {
    // Nobody has verified who that is.
    ...logger({ ...others, claimed_caller: caller, event: 'refused' }, listener),
    filter: {
      extension_filter: {
        name: 'envoy.access_loggers.extension_filters.cel',
        typed_config: {
          '@type':
            'type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter',
          expression: "connection.transport_failure_reason != ''",
        },
      },
    },
  };
}
