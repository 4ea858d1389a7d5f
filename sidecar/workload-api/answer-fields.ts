/** Headers or trailers of an answer: what gRPC says in them. */
import type { FieldListener } from '../http2/header-reader.ts';
import { fieldOverhead } from '../http2/header-table.ts';

/** Bytes of headers, or of trailers, as HTTP/2 counts them. */
export const maxAnswerHeaderBytes = 16_384;
const wanted = new Set([':status', 'content-type', 'grpc-status', 'grpc-message']);

export class AnswerFields implements FieldListener {
  readonly #kept = new Map<string, string>();
  #bytes = 0;

  get isTooLarge(): boolean {
    return this.#bytes > maxAnswerHeaderBytes;
  }

  /** Others come. @see RFC 9110 §15.2 */
  get isInterim(): boolean {
    return this.get(':status')?.startsWith('1') === true;
  }

  get(name: ':status' | 'content-type' | 'grpc-status' | 'grpc-message'): string | undefined {
    return this.#kept.get(name);
  }

  onField(name: string, value: string): void {
    this.#bytes += name.length + value.length + fieldOverhead;
    if (!this.isTooLarge && wanted.has(name)) this.#kept.set(name, value);
  }
}
