/** HTTP/2 frames written by hand, as no client library would write them. @see RFC 9113 §4 and §6, RFC 7541 §6 */
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
export const types = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const flags = { none: 0, ack: 1, endStream: 1, endHeaders: 4, padded: 8 } as const;

export function frame(
  [type, flag, stream]: readonly [type: number, flag: number, stream: number],
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flag;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Pairs of a setting's number and value. */
export function settings(...pairs: readonly (readonly [number, number])[]): Buffer {
  const payload = Buffer.alloc(6 * pairs.length);
  for (const [index, [id, value]] of pairs.entries()) {
    payload.writeUInt16BE(id, 6 * index);
    payload.writeUInt32BE(value, 6 * index + 2);
  }
  return frame([types.settings, flags.none, 0], payload);
}

/** Literal fields that no table keeps. */
export function block(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]),
  );
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  const length: number[] = [];
  let rest = bytes.length - 127;
  if (rest < 0) length.push(bytes.length);
  else {
    length.push(127);
    for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

export function callBlock(
  path = '/test/Echo',
  more: readonly (readonly [string, string])[] = [],
): Buffer {
  return block([
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'helper'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...more,
  ]);
}
/** A reset with CANCEL. */
export const reset = (stream: number): Buffer =>
  frame([types.reset, flags.none, stream], Buffer.from([0, 0, 0, 8]));
/** A call's headers, without its message. */
export const openCall = (stream: number, fields = callBlock()): Buffer =>
  frame([types.headers, flags.endHeaders, stream], fields);

/** The beginning of a message of `announced` bytes. */
export function messageStart(bytes: number, announced: number): Buffer {
  const part = Buffer.alloc(bytes);
  if (bytes >= 5) part.writeUInt32BE(announced, 1);
  return part;
}
