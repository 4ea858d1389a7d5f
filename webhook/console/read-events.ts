/** Reads a stream of server-sent events as it arrives, in a browser or here. @see HTML, "Server-sent events" */
import type { ConsoleEvent } from './console-model.ts';

/** Gives each event of the pieces of a `text/event-stream`, as `response.body` through a `TextDecoderStream` has them. */
export class EventReader {
  #rest = '';

  /** The events that are complete with this piece. @throws {SyntaxError} when it is not what our server writes */
  push(piece: string): readonly ConsoleEvent[] {
    const blocks = (this.#rest + piece).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    return blocks.flatMap((block) => {
      const data = block
        .split('\n')
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice('data:'.length).trimStart());
      // What the server of this version writes.
      return data.length === 0 ? [] : [JSON.parse(data.join('\n')) as ConsoleEvent];
    });
  }
}

/** One event, as it is written. */
export function eventText(event: ConsoleEvent): string {
  return `data: ${JSON.stringify(event)}\n\n`;
}
