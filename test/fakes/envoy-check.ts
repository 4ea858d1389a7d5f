/** CheckRequests as Envoy writes them, and CheckResponses as it reads them, by generated code. */
import type { JsonObject } from '#kernel/json.ts';
import {
  HeaderValueOption_HeaderAppendAction,
  type HeaderMap,
  type HeaderValueOption,
} from '../gen/envoy/config/core/v3/base.ts';
import { CheckRequest, CheckResponse } from '../gen/envoy/service/auth/v3/external_auth.ts';

const overwrite = HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD;

export interface CheckParts {
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  /** The map: duplicates are joined with a comma before they get here. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The other encoding, `encode_raw_headers`: duplicates kept. */
  readonly rawHeaders?: readonly (readonly [string, string])[];
  readonly extensions?: Readonly<Record<string, string>>;
  /** Dynamic metadata by namespace. */
  readonly metadata?: Readonly<Record<string, JsonObject>>;
}

/** A CheckRequest of the shape that Envoy 1.40 sends, with fields that the helper does not need. */
export function checkRequest(parts: CheckParts = {}): Buffer {
  const { method = 'GET', path = '/', host = 'backend:9001', headers = {} } = parts;
  const message = CheckRequest.encode({
    attributes: {
      source: {
        address: undefined,
        service: '',
        labels: { a: 'b' },
        principal: 'spiffe://example.org/mtls',
        certificate: '',
      },
      destination: undefined,
      request: {
        time: new Date(0),
        http: {
          id: '1234567890',
          method,
          headers: { ':path': path, ':method': method, 'user-agent': 'curl', ...headers },
          path,
          host,
          scheme: 'http',
          query: '',
          fragment: '',
          size: -1n,
          protocol: 'HTTP/1.1',
          body: '',
          rawBody: Buffer.alloc(0),
          headerMap: headerMap(parts.rawHeaders),
        },
      },
      contextExtensions: { ...parts.extensions },
      metadataContext: parts.metadata && {
        filterMetadata: parts.metadata,
        typedFilterMetadata: {},
      },
      routeMetadataContext: undefined,
      tlsSession: undefined,
    },
  }).finish();
  return Buffer.from(message);
}

/** `encode_raw_headers`: names and original bytes. */
function headerMap(headers: CheckParts['rawHeaders']): HeaderMap | undefined {
  if (headers === undefined) return undefined;
  return {
    headers: headers.map(([key, value]) => ({
      key,
      value: '',
      rawValue: Buffer.from(value, 'latin1'),
    })),
  };
}

/** What Envoy would do. */
export interface Effect {
  readonly kind: 'allow' | 'deny';
  readonly status?: number;
  readonly body?: string;
  /** name → value of headers that replace the client's. */
  readonly set: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Reads an answer by the generated code. @throws {Error} when the status is not explicit or a header could be doubled. */
export function effectOf(bytes: Uint8Array): Effect {
  const { status, httpResponse: answer, dynamicMetadata } = CheckResponse.decode(bytes);
  if (status === undefined) throw new Error('the answer has no explicit status');
  const metadata = dynamicMetadata ?? {};
  if (status.code === 0) {
    if (answer?.$case !== 'okResponse') throw new Error('an allowance needs an ok_response');
    const { headers, headersToRemove: remove } = answer.value;
    return { kind: 'allow', set: headersSet(headers), remove, metadata };
  }
  if (answer?.$case !== 'deniedResponse') throw new Error('a denial needs a denied_response');
  const { status: http, body } = answer.value;
  return { kind: 'deny', status: Number(http?.code), body, set: {}, remove: [], metadata };
}

function headersSet(options: readonly HeaderValueOption[]): Effect['set'] {
  const set: Record<string, string> = {};
  for (const option of options) {
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- the field that Envoy up to 1.36 and since 1.40 looks at
    if (option.append !== false || option.appendAction !== overwrite)
      throw new Error('both encodings of "overwrite" are needed');
    if (option.header !== undefined) set[option.header.key] = option.header.value;
  }
  return set;
}
