/**
 * Builds discovery responses.
 * @see envoy.service.discovery.v3: DiscoveryResponse.version_info=1 resources=2 type_url=4 nonce=5;
 * DeltaDiscoveryResponse.system_version_info=1 resources=2 {version=1 resource=2 name=3} type_url=4 nonce=5;
 * envoy.extensions.transport_sockets.tls.v3: Secret.name=1 generic_secret=5, GenericSecret.secret=1;
 * envoy.config.core.v3: DataSource.inline_string=3; google.protobuf.Any: type_url=1 value=2.
 */
import { bytesField, textField } from '../protobuf/wire-writer.ts';

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
  return response(
    head,
    resources.map((one) => bytesField(2, anySecret(one))),
  );
}

export function deltaResponse(head: ResponseHead, resources: readonly SecretResource[]): Buffer {
  const wrapped = resources.map((one) =>
    Buffer.concat([
      textField(1, one.version),
      bytesField(2, anySecret(one)),
      textField(3, one.name),
    ]),
  );
  return response(
    head,
    wrapped.map((one) => bytesField(2, one)),
  );
}

/** Both kinds of response have the same numbers for what we write. */
function response({ version, nonce }: ResponseHead, resources: readonly Buffer[]): Buffer {
  return Buffer.concat([
    textField(1, version),
    ...resources,
    textField(4, secretTypeUrl),
    textField(5, nonce),
  ]);
}

function anySecret({ name, value }: SecretResource): Buffer {
  const genericSecret = bytesField(1, textField(3, value));
  const secret = Buffer.concat([textField(1, name), bytesField(5, genericSecret)]);
  return Buffer.concat([textField(1, secretTypeUrl), bytesField(2, secret)]);
}
