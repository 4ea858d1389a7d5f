/** What the page asks of the engine in its worker, and what comes back. */
import { AppError, messageOf } from '#kernel/errors.ts';
import { Workbench } from '../../workbench/workbench.ts';
import {
  writeAnnotations,
  writeNamespaceLabel,
  type WantedMembers,
} from '../../workbench/write-asks.ts';
import type {
  InputFile,
  WorkbenchAnswer,
  WorkbenchQuestion,
  WorkloadPlace,
} from '../../workbench/workbench-model.ts';
import { takeUnread } from './browser-crypto.ts';
import { pageData } from './page-data.ts';

export type EngineCall =
  | { readonly kind: 'answer'; readonly question: WorkbenchQuestion }
  | {
      readonly kind: 'annotate';
      readonly source: InputFile;
      readonly place: WorkloadPlace;
      readonly wanted: WantedMembers;
    }
  | {
      readonly kind: 'label';
      readonly source: InputFile;
      readonly namespace: string;
      readonly value: string | undefined;
    };

export type EngineReply =
  | {
      readonly kind: 'answer';
      readonly answer: WorkbenchAnswer;
      /** Certificates and keys that were taken as good: a browser cannot look at them. */
      readonly unread: number;
    }
  | { readonly kind: 'text'; readonly text: string }
  /** Expected of some inputs, with its code; without one it is a mistake of ours. */
  | { readonly kind: 'failed'; readonly message: string; readonly code: string | undefined };

/** Answers calls, one after the other. @returns what carries one out; it throws nothing */
export function makeEngineCalls(): (call: EngineCall) => EngineReply {
  const { templates, version } = pageData;
  const workbench = new Workbench({ templates, version, now: () => Date.now() });
  let configuration: string | undefined;
  let unread = 0;
  const answer = (question: WorkbenchQuestion): EngineReply => {
    const reply = workbench.answer(question);
    const seen = takeUnread().length;
    // An engine is made once for a configuration: later answers look at nothing.
    if (configuration !== question.configuration || seen > 0) unread = seen;
    configuration = question.configuration;
    return { kind: 'answer', answer: reply, unread };
  };
  return (call) => {
    try {
      return call.kind === 'answer' ? answer(call.question) : written(call);
    } catch (thrown) {
      const code = thrown instanceof AppError ? thrown.code : undefined;
      return { kind: 'failed', message: messageOf(thrown), code };
    }
  };
}

function written(call: Exclude<EngineCall, { readonly kind: 'answer' }>): EngineReply {
  const { source } = call;
  const text =
    call.kind === 'annotate'
      ? writeAnnotations(source, call.place, call.wanted)
      : writeNamespaceLabel(source, call.namespace, call.value);
  return { kind: 'text', text: text ?? source.text };
}
