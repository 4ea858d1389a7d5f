/**
 * Envoy's side of ext_authz, where no Envoy is at hand: an HTTP proxy that asks the helper about each request and
 * does what it says. For trying things out on one machine; it knows nothing else of Envoy.
 * @see envoy.service.auth.v3 CheckRequest, CheckResponse
 */
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { Client, credentials, Metadata } from '@grpc/grpc-js';

export interface StandInOptions {
  /** Port on loopback; 0 chooses one. */
  readonly port: number;
  /** The helper's `host:port`. */
  readonly helper: string;
  /** Sent as metadata `svidecar-rule`. */
  readonly rule: string;
  /** `host:port` that allowed requests go on to. */
  readonly upstream: string;
}

/** What the helper answered, as far as it is carried out here. */
interface Answer {
  readonly isAllowed: boolean;
  readonly status: number;
  readonly body: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly removed: readonly string[];
}

const checkMethod = '/envoy.service.auth.v3.Authorization/Check';
/** Milliseconds, as in the filter that the templates write. */
const deadlineMs = 500;
const forbidden = 403;

/** @returns the server, listening */
export async function startEnvoyStandIn(options: StandInOptions): Promise<Server> {
  const client = new Client(options.helper, credentials.createInsecure());
  const server = createServer((request, response) => {
    void handle(request, response, { client, options });
  });
  server.on('close', () => {
    client.close();
  });
  await new Promise<void>((resolve) => {
    server.listen(options.port, '127.0.0.1', resolve);
  });
  return server;
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  { client, options }: { readonly client: Client; readonly options: StandInOptions },
): Promise<void> {
  const answer = await check(client, options.rule, request).catch(
    // As the filter's failure_mode_allow: false: a helper that does not answer lets nobody through.
    (): Answer => ({ isAllowed: false, status: forbidden, body: '', headers: [], removed: [] }),
  );
  if (answer.isAllowed) {
    forward(request, response, { answer, upstream: options.upstream });
    return;
  }
  response.writeHead(answer.status, { 'content-type': 'text/plain' }).end(answer.body);
}

function check(client: Client, rule: string, request: IncomingMessage): Promise<Answer> {
  const metadata = new Metadata();
  metadata.set('svidecar-rule', rule);
  const options = { deadline: Date.now() + deadlineMs };
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      checkMethod,
      (bytes: Buffer) => bytes,
      readAnswer,
      encodeCheck(request),
      metadata,
      options,
      (fault, answer) => {
        if (fault !== null || answer === undefined) reject(fault ?? new Error('no answer'));
        else resolve(answer);
      },
    );
  });
}

/** CheckRequest.attributes(1).request(4).http(2), with method 2, headers 3, path 4, host 5, scheme 6. */
function encodeCheck(request: IncomingMessage): Buffer {
  const http = new BinaryWriter();
  http.uint32(18).string(request.method ?? 'GET');
  for (const [name, value] of Object.entries(request.headers)) {
    const text = Array.isArray(value) ? value.join(',') : (value ?? '');
    http.uint32(26).fork().uint32(10).string(name).uint32(18).string(text).join();
  }
  http.uint32(34).string(request.url ?? '/');
  http.uint32(42).string(request.headers.host ?? '');
  http.uint32(50).string('http');
  const writer = new BinaryWriter();
  writer.uint32(10).fork().uint32(34).fork().uint32(18).bytes(http.finish()).join().join();
  return Buffer.from(writer.finish());
}

/** The submessages and values of a message by field number. */
function fieldsOf(bytes: Uint8Array): ReadonlyMap<number, readonly (Uint8Array | number)[]> {
  const reader = new BinaryReader(bytes);
  const fields = new Map<number, (Uint8Array | number)[]>();
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const list = fields.get(field) ?? [];
    fields.set(field, list);
    if (wireType === WireType.LengthDelimited) list.push(reader.bytes());
    else if (wireType === WireType.Varint) list.push(reader.uint32());
    else reader.skip(wireType);
  }
  return fields;
}

function messageAt(bytes: Uint8Array | undefined, field: number): Uint8Array | undefined {
  const value = bytes === undefined ? undefined : fieldsOf(bytes).get(field)?.[0];
  return value instanceof Uint8Array ? value : undefined;
}

function numberAt(bytes: Uint8Array | undefined, field: number): number {
  const value = bytes === undefined ? undefined : fieldsOf(bytes).get(field)?.[0];
  return typeof value === 'number' ? value : 0;
}

function textAt(bytes: Uint8Array | undefined, field: number): string {
  return Buffer.from(messageAt(bytes, field) ?? []).toString('utf8');
}

/** CheckResponse: status 1 {code 1}, denied_response 2 {status 1 {code 1}, body 3}, ok_response 3 {headers 2, headers_to_remove 5}. */
function readAnswer(bytes: Buffer): Answer {
  const denied = messageAt(bytes, 2);
  const allowed = messageAt(bytes, 3) ?? new Uint8Array();
  const options = fieldsOf(allowed);
  return {
    isAllowed: numberAt(messageAt(bytes, 1), 1) === 0,
    status: numberAt(messageAt(denied, 1), 1) || forbidden,
    body: textAt(denied, 3),
    headers: (options.get(2) ?? []).map((option) => {
      const header = option instanceof Uint8Array ? messageAt(option, 1) : undefined;
      return [textAt(header, 1), textAt(header, 2)];
    }),
    removed: (options.get(5) ?? []).map((name) =>
      name instanceof Uint8Array ? Buffer.from(name).toString('utf8') : '',
    ),
  };
}

function forward(
  request: IncomingMessage,
  response: ServerResponse,
  { answer, upstream }: { readonly answer: Answer; readonly upstream: string },
): void {
  const kept = Object.entries(request.headers).filter(([name]) => !answer.removed.includes(name));
  const headers = { ...Object.fromEntries(kept), ...Object.fromEntries(answer.headers) };
  const [host, port] = upstream.split(':');
  const { method, url: path } = request;
  const onward = httpRequest({ host, port, method, path, headers }, (reply) => {
    response.writeHead(reply.statusCode ?? 502, reply.headers);
    reply.pipe(response);
  });
  onward.on('error', () => {
    if (!response.headersSent) response.writeHead(503);
    response.end('the upstream does not answer\n');
  });
  request.pipe(onward);
}
