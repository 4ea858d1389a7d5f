/** Answers to gRPC calls as HTTP/2 frames; what is the same in all of them is written once. */
import { frameFlags, frameHeadBytes, frameTypes, putHead } from '../http2/http2-frames.ts';
import { headerBlock, statusOk } from '../http2/header-writer.ts';
import { prefixBytes } from './grpc-wire.ts';

/** What every gRPC answer begins with. */
export const answerBlock = Buffer.concat([
  statusOk,
  headerBlock([['content-type', 'application/grpc']]),
]);
export const okTrailers = trailersOf(0, '');

/** @param words ASCII */
export function trailersOf(code: number, words: string): Buffer {
  const status = ['grpc-status', String(code)] as const;
  return headerBlock(words === '' ? [status] : [status, ['grpc-message', encodeURI(words)]]);
}

const { headers, data } = frameTypes;
const { none, endHeaders, endStream } = frameFlags;
const dataAt = frameHeadBytes + answerBlock.length;
const trailersBytes = frameHeadBytes + okTrailers.length;
const start = Buffer.alloc(dataAt + frameHeadBytes + prefixBytes);
putHead(start, 0, { type: headers, flags: endHeaders, stream: 0, length: answerBlock.length });
answerBlock.copy(start, frameHeadBytes);
putHead(start, dataAt, { type: data, flags: none, stream: 0, length: 0 });
const finish = Buffer.alloc(trailersBytes);
const atEnd = { type: headers, flags: endHeaders | endStream, stream: 0 };
putHead(finish, 0, { ...atEnd, length: okTrailers.length });
okTrailers.copy(finish, frameHeadBytes);

/** A whole answer: head, message, status OK. The message and its prefix must fit into one frame. */
export function wholeAnswer(stream: number, message: Buffer): Buffer {
  const { length } = message;
  const messageAt = start.length;
  const trailersAt = messageAt + length;
  const answer = Buffer.allocUnsafe(trailersAt + trailersBytes);
  start.copy(answer);
  answer.writeUInt32BE(stream, 5);
  answer.writeUIntBE(prefixBytes + length, dataAt, 3);
  answer.writeUInt32BE(stream, dataAt + 5);
  answer.writeUInt32BE(length, messageAt - 4);
  message.copy(answer, messageAt);
  finish.copy(answer, trailersAt);
  answer.writeUInt32BE(stream, trailersAt + 5);
  return answer;
}
