/** What agents do that break the rules, and what comes of it. */
import * as http2 from 'node:http2';
import { expect } from 'vitest';
import {
  answerWith,
  frameTypes,
  goodAnswer,
  hangAfter,
  http2Frame,
  onlyHeaders,
  resetAfter,
  type HostileAgent,
} from './hostile-agents.ts';

const mebibyte = 1_024 * 1_024;
/** What the client makes of a good answer. */
export const good = {
  kind: 'done',
  value: [{ spiffeId: 'spiffe://example.org/a', token: 'a.b.c', hint: '' }],
};
/** Trailers of success. */
export const ok = { 'grpc-status': '0' };

/** A failure that is tried again. */
export function unavailable(text: RegExp): object {
  return { kind: 'unavailable', text: expect.stringMatching(text) as string };
}

const endOfConnection: HostileAgent['act'] = (stream) => {
  stream.session?.destroy();
};
const goawayWithError: HostileAgent['act'] = (stream) => {
  stream.session?.goaway(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
};

/** Of a call that only its deadline ends. */
export const late = unavailable(/^DEADLINE_EXCEEDED/);

/** What an agent does with one call, and what comes of it. */
export const faults: readonly (readonly [string, HostileAgent['act'], object])[] = [
  [
    'a refusal in headers alone',
    onlyHeaders({ 'grpc-status': '7', 'grpc-message': 'no%20identity' }),
    { kind: 'no_identity', text: 'PERMISSION_DENIED: no identity' },
  ],
  [
    'words that are no percent-encoding',
    onlyHeaders({ 'grpc-status': '14', 'grpc-message': '100%!' }),
    unavailable(/^UNAVAILABLE: 100%!$/),
  ],
  [
    'words of 9,000 characters',
    onlyHeaders({ 'grpc-status': '14', 'grpc-message': 'x'.repeat(9_000) }),
    unavailable(/^UNAVAILABLE: x{1024}$/),
  ],
  ['a status that does not exist', onlyHeaders({ 'grpc-status': '99' }), unavailable(/^UNKNOWN/)],
  ['a status that is no number', onlyHeaders({ 'grpc-status': 'fine' }), unavailable(/^UNKNOWN/)],
  ['success without a message', answerWith({ trailers: ok }), unavailable(/^INTERNAL: 0 messages/)],
  ['success in headers alone', onlyHeaders(ok), unavailable(/^INTERNAL: 0 messages/)],
  [
    'two messages',
    answerWith({ parts: [goodAnswer, goodAnswer], trailers: ok }),
    unavailable(/^INTERNAL: more messages/),
  ],
  [
    'a message and no trailers',
    answerWith({ parts: [goodAnswer] }),
    unavailable(/^UNKNOWN: .*without a status/),
  ],
  [
    'trailers without a status',
    answerWith({ parts: [goodAnswer], trailers: { other: '1' } }),
    unavailable(/^UNKNOWN: .*without a status/),
  ],
  [
    'a message and a refusal',
    answerWith({ parts: [goodAnswer], trailers: { 'grpc-status': '3' } }),
    { kind: 'rejected', text: 'INVALID_ARGUMENT' },
  ],
  [
    'a compressed message',
    answerWith({ parts: [Buffer.from([1, 0, 0, 0, 1, 0])], trailers: ok }),
    unavailable(/^INTERNAL: compressed/),
  ],
  [
    'a message of 4 GiB',
    hangAfter([Buffer.from([0, 255, 255, 255, 255])]),
    unavailable(/^RESOURCE_EXHAUSTED/),
  ],
  [
    'half a message',
    answerWith({ parts: [goodAnswer.subarray(0, 9)], trailers: ok }),
    unavailable(/^INTERNAL: .*within a message/),
  ],
  [
    'a message that is no protobuf',
    answerWith({ parts: [Buffer.from([0, 0, 0, 0, 2, 10, 99])], trailers: ok }),
    unavailable(/^INTERNAL: a message cannot be read/),
  ],
  [
    'HTTP 404',
    answerWith({ headers: { ':status': 404 } }),
    { kind: 'rejected', text: expect.stringContaining('HTTP status 404') as string },
  ],
  ['HTTP 503', answerWith({ headers: { ':status': 503 } }), unavailable(/HTTP status 503/)],
  [
    'a web page',
    answerWith({
      headers: { ':status': 200, 'content-type': 'text/html' },
      parts: [Buffer.from('<p>')],
    }),
    unavailable(/^UNKNOWN: .*text\/html/),
  ],
  [
    'a refused call',
    resetAfter([], http2.constants.NGHTTP2_REFUSED_STREAM),
    unavailable(/refused|without a status/),
  ],
  [
    'a call that is reset',
    resetAfter([], http2.constants.NGHTTP2_PROTOCOL_ERROR),
    unavailable(/HTTP\/2 error|without a status/),
  ],
  [
    'a call that is reset within a message',
    resetAfter([goodAnswer.subarray(0, 9)], http2.constants.NGHTTP2_INTERNAL_ERROR),
    unavailable(/HTTP\/2 error|without a status/),
  ],
  ['headers and then nothing', hangAfter([]), late],
  ['a message and then nothing', hangAfter([goodAnswer]), late],
  [
    'trailers of 60 kB',
    answerWith({
      parts: [goodAnswer],
      trailers: { 'grpc-status': '5', 'grpc-message': 'x'.repeat(60_000) },
    }),
    unavailable(/^(NOT_FOUND: x{1024}$|RESOURCE_EXHAUSTED|UNAVAILABLE|INTERNAL|UNKNOWN)/),
  ],
  ['an end of the connection', endOfConnection, unavailable(/^UNAVAILABLE/)],
  [
    'an end with GOAWAY and an error',
    goawayWithError,
    unavailable(/^UNAVAILABLE|RESOURCE_EXHAUSTED/),
  ],
];

/** What is said in place of HTTP/2. */
export const nonsense: readonly (readonly [string, Buffer])[] = [
  ['an answer of HTTP/1.1', Buffer.from('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n')],
  ['nonsense', Buffer.alloc(4_096, 0x7f)],
  ['a frame beyond what was agreed', http2Frame(frameTypes.data, 0, Buffer.alloc(mebibyte))],
  [
    'data of a call that has no headers',
    Buffer.concat([
      http2Frame(frameTypes.settings, 0, Buffer.alloc(0)),
      http2Frame(frameTypes.data, 0, Buffer.from('x')),
    ]),
  ],
  [
    'a table of headers that is broken',
    Buffer.concat([
      http2Frame(frameTypes.settings, 0, Buffer.alloc(0)),
      http2Frame(frameTypes.headers, 4, Buffer.alloc(64, 0xff)),
    ]),
  ],
];
