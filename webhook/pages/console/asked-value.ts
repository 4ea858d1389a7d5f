/** A value of the server that a page shows: asked for, asked again when it may have changed, kept while that takes. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { ask, type ServerReply } from './console-asking.ts';

export interface AskedValue<T> {
  /** The last one that came, also after a later question failed. */
  readonly value: T | undefined;
  /** Why the last question failed; absent when it did not. */
  readonly failure: Exclude<ServerReply<T>, { readonly kind: 'value' }> | undefined;
  readonly isAsking: boolean;
  readonly again: () => void;
}

/** @param stamp asked again whenever it changes, one question at a time: what changes meanwhile is asked about afterwards */
export function useAsked<T>(path: string, stamp: unknown): AskedValue<T> {
  const [held, setHeld] = useState<Held<T>>();
  const [count, setCount] = useState(0);
  const running = useRef<string | undefined>(undefined);
  /** Questions that came while one was under way. */
  const late = useRef(0);
  useEffect(() => {
    if (running.current === path) {
      late.current += 1;
      return;
    }
    const run = async (): Promise<void> => {
      running.current = path;
      setHeld((before) => asking(before?.path === path ? before : undefined, path));
      let answeredAt = -1;
      while (answeredAt !== late.current) {
        answeredAt = late.current;
        const reply = await ask<T>(path);
        if (running.current !== path) return;
        setHeld((before) => answered(before, path, reply));
      }
      running.current = undefined;
    };
    void run();
  }, [path, stamp, count]);
  const again = (): void => {
    setCount((before) => before + 1);
  };
  if (held?.path !== path) return { value: undefined, failure: undefined, isAsking: true, again };
  return { value: held.value, failure: held.failure, isAsking: held.isAsking, again };
}

type Held<T> = Omit<AskedValue<T>, 'again'> & { readonly path: string };

function asking<T>(before: Held<T> | undefined, path: string): Held<T> {
  return { path, value: before?.value, failure: before?.failure, isAsking: true };
}

function answered<T>(before: Held<T> | undefined, path: string, reply: ServerReply<T>): Held<T> {
  if (reply.kind === 'value')
    return { path, value: reply.value, failure: undefined, isAsking: false };
  return { path, value: before?.value, failure: reply, isAsking: false };
}
