/**
 * Builds CheckResponse bytes. Done once for each answer that can be known beforehand, never to be fast.
 * @see envoy.service.auth.v3: CheckResponse.status=1 denied_response=2 ok_response=3 dynamic_metadata=4.
 */
import { bytesField, varintField } from '../protobuf/wire-writer.ts';

/** Shown to access logs and RBAC under the namespace `envoy.filters.http.ext_authz`. */
export type Metadata = Readonly<Record<string, string | number>>;

export interface Allowance {
  /** Request headers that replace whatever the client sent under these names. */
  readonly set?: Readonly<Record<string, string>>;
  /** Request headers that are taken away. */
  readonly remove?: readonly string[];
  readonly metadata?: Metadata;
}

export interface Denial {
  /** HTTP status for the client. */
  readonly status: 403 | 503;
  /** Plain words; never a token, key or claim value. */
  readonly body: string;
  readonly metadata?: Metadata;
}

/** google.rpc.Code for a final refusal and for one that a later request may not meet. */
const rpcCodes = { 403: 7, 503: 14 } as const;

/** An answer that lets the request through, with an explicit status. */
export function allowance({ set = {}, remove = [], metadata }: Allowance): Buffer {
  const ok = Buffer.concat([
    ...Object.entries(set).map(([name, value]) => bytesField(2, headerToSet(name, value))),
    ...remove.map((name) => bytesField(5, Buffer.from(name))),
  ]);
  return Buffer.concat([
    bytesField(1, Buffer.alloc(0)),
    bytesField(3, ok),
    ...metadataField(metadata),
  ]);
}

/** An answer that refuses the request. A non-zero status is a refusal to every Envoy version. */
export function denial({ status, body, metadata }: Denial): Buffer {
  const denied = Buffer.concat([
    bytesField(1, varintField(1, status)),
    bytesField(3, Buffer.from(body)),
  ]);
  return Buffer.concat([
    bytesField(1, varintField(1, rpcCodes[status])),
    bytesField(2, denied),
    ...metadataField(metadata),
  ]);
}

/**
 * A HeaderValueOption that means "exactly this one" to every Envoy: `append` explicitly false (read up to 1.36 and
 * again since 1.40) and `append_action` OVERWRITE_IF_EXISTS_OR_ADD (read in between, where the default appends).
 */
function headerToSet(name: string, value: string): Buffer {
  const header = Buffer.concat([
    bytesField(1, Buffer.from(name)),
    bytesField(2, Buffer.from(value)),
  ]);
  return Buffer.concat([bytesField(1, header), bytesField(2, Buffer.alloc(0)), varintField(3, 2)]);
}

function metadataField(metadata: Metadata | undefined): Buffer[] {
  return metadata === undefined ? [] : [bytesField(4, struct(metadata))];
}

/** google.protobuf.Struct: fields=1 {key=1, value=2 {number_value=2 | string_value=3}}. */
function struct(metadata: Metadata): Buffer {
  const entries = Object.entries(metadata).map(([key, value]) =>
    bytesField(1, Buffer.concat([bytesField(1, Buffer.from(key)), bytesField(2, scalar(value))])),
  );
  return Buffer.concat(entries);
}

function scalar(value: string | number): Buffer {
  if (typeof value === 'string') return bytesField(3, Buffer.from(value));
  const double = Buffer.alloc(9);
  double[0] = (2 << 3) | 1;
  double.writeDoubleLE(value, 1);
  return double;
}
