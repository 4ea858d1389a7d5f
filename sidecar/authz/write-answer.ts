/**
 * Builds CheckResponse bytes. Done once for each answer that can be known beforehand, never to be fast.
 * @see envoy.service.auth.v3: CheckResponse.status=1 denied_response=2 ok_response=3 dynamic_metadata=4.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { writeMessage, writeNumber, writeText } from '../protobuf/wire-writer.ts';
import type { Metadata } from './rule-decision.ts';

export interface Allowance {
  readonly set?: Readonly<Record<string, string>> | undefined;
  readonly remove?: readonly string[] | undefined;
  readonly metadata?: Metadata | undefined;
}

export interface Denial {
  /** HTTP status for the client. */
  readonly status: 403 | 503;
  readonly body: string;
  readonly metadata: Metadata;
}

/** google.rpc.Code for a final refusal and for one that a later request may not meet. */
const rpcCodes = { 403: 7, 503: 14 } as const;

/** An answer that lets the request through, with an explicit status. */
export function allowance({ set = {}, remove = [], metadata }: Allowance): Buffer {
  const writer = new BinaryWriter();
  writeMessage(writer, 1, empty);
  writeMessage(writer, 3, () => {
    for (const [name, value] of Object.entries(set)) writeHeader(writer, name, value);
    for (const name of remove) writeText(writer, 5, name);
  });
  if (metadata !== undefined) writeMetadata(writer, metadata);
  return Buffer.from(writer.finish());
}

/** An answer that refuses the request. A non-zero status is a refusal to every Envoy version. */
export function denial({ status, body, metadata }: Denial): Buffer {
  const writer = new BinaryWriter();
  writeMessage(writer, 1, () => {
    writeNumber(writer, 1, rpcCodes[status]);
  });
  writeMessage(writer, 2, () => {
    writeMessage(writer, 1, () => {
      writeNumber(writer, 1, status);
    });
    writeText(writer, 3, body);
  });
  writeMetadata(writer, metadata);
  return Buffer.from(writer.finish());
}

/**
 * A HeaderValueOption that means "exactly this one" to every Envoy: `append` explicitly false (read up to 1.36 and
 * again since 1.40) and `append_action` OVERWRITE_IF_EXISTS_OR_ADD (read in between, where the default appends).
 */
function writeHeader(writer: BinaryWriter, name: string, value: string): void {
  writeMessage(writer, 2, () => {
    writeMessage(writer, 1, () => {
      writeText(writer, 1, name);
      writeText(writer, 2, value);
    });
    writeMessage(writer, 2, empty);
    writeNumber(writer, 3, 2);
  });
}

/** google.protobuf.Struct: fields=1 {key=1, value=2 {number_value=2 | string_value=3}}. */
function writeMetadata(writer: BinaryWriter, metadata: Metadata): void {
  writeMessage(writer, 4, () => {
    for (const [key, value] of Object.entries(metadata)) {
      writeMessage(writer, 1, () => {
        writeText(writer, 1, key);
        writeMessage(writer, 2, () => {
          if (typeof value === 'string') writeText(writer, 3, value);
          else writer.tag(2, WireType.Bit64).double(value);
        });
      });
    }
  });
}

function empty(): void {
  // The message is there, and has no fields.
}
