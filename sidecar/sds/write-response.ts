/**
 * Builds discovery responses.
 * @see envoy.service.discovery.v3: DiscoveryResponse.version_info=1 resources=2 type_url=4 nonce=5;
 * DeltaDiscoveryResponse.system_version_info=1 resources=2 {version=1 resource=2 name=3} type_url=4 nonce=5;
 * envoy.extensions.transport_sockets.tls.v3: Secret.name=1 generic_secret=5, GenericSecret.secret=1;
 * envoy.config.core.v3: DataSource.inline_string=3; google.protobuf.Any: type_url=1 value=2.
 */
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { writeMessage, writeText } from '../protobuf/wire-writer.ts';

/** The one type of resource that is served. */
export const secretTypeUrl = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';

/** What a name stands for from now on. */
export interface SecretResource {
  readonly name: string;
  readonly version: string;
  /** What the header is to hold; empty: Envoy refuses requests that would need it. */
  readonly value: string;
}

export interface ResponseHead {
  readonly version: string;
  readonly nonce: string;
}

export function stateResponse(head: ResponseHead, resources: readonly SecretResource[]): Buffer {
  return response(head, resources, writeSecret);
}

export function deltaResponse(head: ResponseHead, resources: readonly SecretResource[]): Buffer {
  return response(head, resources, (writer, one) => {
    writeText(writer, 1, one.version);
    writeMessage(writer, 2, () => {
      writeSecret(writer, one);
    });
    writeText(writer, 3, one.name);
  });
}

/** Both kinds of response have the same numbers for what we write; their resources differ. */
function response(
  { version, nonce }: ResponseHead,
  resources: readonly SecretResource[],
  write: (writer: BinaryWriter, one: SecretResource) => void,
): Buffer {
  const writer = new BinaryWriter();
  writeText(writer, 1, version);
  for (const one of resources) {
    writeMessage(writer, 2, () => {
      write(writer, one);
    });
  }
  writeText(writer, 4, secretTypeUrl);
  writeText(writer, 5, nonce);
  return Buffer.from(writer.finish());
}

/** An Any with a Secret in it. */
function writeSecret(writer: BinaryWriter, { name, value }: SecretResource): void {
  writeText(writer, 1, secretTypeUrl);
  writeMessage(writer, 2, () => {
    writeText(writer, 1, name);
    writeMessage(writer, 5, () => {
      writeMessage(writer, 1, () => {
        writeText(writer, 3, value);
      });
    });
  });
}
