/** The engine's answer to what is in the editors, soon after each change. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { WorkbenchAnswer, WorkbenchQuestion } from '../../workbench/workbench-model.ts';
import type { EngineCall, EngineReply } from './engine-calls.ts';
import { EngineClient } from './engine-client.ts';

/** Milliseconds without a change before the engine is asked. */
const pauseMs = 200;

export interface EngineState {
  readonly answer: WorkbenchAnswer | undefined;
  /** Certificates and keys that were not looked at. */
  readonly unread: number;
  readonly isWorking: boolean;
  /** Why there is no answer to the newest input. */
  readonly failure: string | undefined;
}

export interface EngineHandle extends EngineState {
  readonly call: (call: EngineCall) => Promise<EngineReply>;
  readonly stop: () => void;
}

const nothingYet: EngineState = {
  answer: undefined,
  unread: 0,
  isWorking: true,
  failure: undefined,
};

export function useEngine(question: WorkbenchQuestion): EngineHandle {
  const client = useRef<EngineClient | undefined>(undefined);
  const [state, setState] = useState<EngineState>(nothingYet);
  /** How many questions there were: an answer to an older one is of no use. */
  const asked = useRef(0);
  const engine = (): EngineClient => (client.current ??= new EngineClient());
  const { files, configuration, namespace, kubernetesMinor } = question;
  useEffect(() => {
    setState((before) => ({ ...before, isWorking: true }));
    const turn = ++asked.current;
    const timer = setTimeout(() => {
      void engine()
        .call({ kind: 'answer', question: { files, configuration, namespace, kubernetesMinor } })
        .then((reply) => {
          if (asked.current === turn) setState((before) => after(before, reply));
        });
    }, pauseMs);
    return () => {
      clearTimeout(timer);
    };
  }, [files, configuration, namespace, kubernetesMinor]);
  const call = useCallback((each: EngineCall) => engine().call(each), []);
  const stop = useCallback(() => {
    client.current?.stop();
  }, []);
  return { ...state, call, stop };
}

function after(before: EngineState, reply: EngineReply): EngineState {
  if (reply.kind === 'answer') {
    const { answer, unread } = reply;
    return { answer, unread, isWorking: false, failure: undefined };
  }
  const failure = reply.kind === 'failed' ? reply.message : undefined;
  return { ...before, isWorking: false, failure };
}
