/** The page as a whole: input on one side, what becomes of it on the other. */
import './workbench.css';
import { printable } from '#kernel/text.ts';
import type { VNode } from 'preact';
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { PageFrame } from '../shared/page-frame.tsx';
import { Notice } from '../shared/status-badge.tsx';
import type { EngineCall } from './engine-calls.ts';
import type {
  InputFile,
  WorkbenchAnswer,
  WorkbenchResult,
} from '../../workbench/workbench-model.ts';
import { AskForm } from './ask-form.tsx';
import { InputPanel, SurroundingsPanel } from './input-panel.tsx';
import { pageData } from './page-data.ts';
import { ResultPanel } from './result-panel.tsx';
import { fragmentOf, maxFragment, maxLinkFiles, readFragment } from './share-link.ts';
import { useEngine, type EngineHandle } from './use-engine.ts';
import { useInput, type ChangeInput, type InputHandle } from './use-input.ts';
import {
  emptyInput,
  offeredMinors,
  readFiles,
  withDemo,
  withFiles,
  withText,
  type ShownPlace,
  type WorkbenchInput,
} from './workbench-input.ts';

function firstInput(): WorkbenchInput {
  const [demo] = pageData.demos;
  return demo === undefined ? emptyInput() : withDemo(emptyInput(), demo);
}

export function WorkbenchPage(): VNode {
  const { input, change, exchange, overtake, goBack } = useInput(firstInput);
  const [told, tell] = useState('');
  const [goTo, setGoTo] = useState<ShownPlace | undefined>(undefined);
  const engine = useEngine(input);
  useFragment(overtake, tell);
  const open = useCallback((files: Iterable<File>) => {
    void readFiles(files).then(({ files: read, faults }) => {
      exchange((before) => withFiles(before, read));
      tell(faults.join('; '));
    });
  }, []);
  useDroppedFiles(open);
  const back =
    goBack &&
    ((): void => {
      goBack();
      tell('The input before is back.');
      // Else a reload would bring the link's again.
      history.replaceState(null, '', '#');
    });
  const show = useCallback((place: ShownPlace) => {
    change((before) => {
      const shown = before.files.findIndex(({ name }) => name === place.file);
      return shown === -1 ? before : { ...before, shown };
    });
    setGoTo({ ...place });
  }, []);
  const result = engine.answer?.kind === 'answered' ? engine.answer : undefined;
  const marks = result?.marks ?? noMarks;
  // Not made again at each key that is pressed: it may be long.
  const shown = useMemo(
    () => (result === undefined ? undefined : <ResultPanel result={result} goTo={show} />),
    [result],
  );
  return (
    <PageFrame
      title="svidecar workbench"
      tagline="What would become of a manifest. Nothing you put in leaves this page."
      actions={<ShareButton input={input} tell={tell} />}
    >
      <p role="status" class="told">
        {told}
      </p>
      <div class="workbench">
        <div class="column">
          <InputPanel {...{ input, change, exchange, marks, goTo, open }} goBack={back} />
          {result === undefined ? undefined : (
            <FormBeside input={input} change={change} engine={engine} result={result} />
          )}
          <SurroundingsPanel input={input} change={change} fault={faultOf(engine.answer)} />
        </div>
        <section class="card column" aria-labelledby="result-title">
          <h2 id="result-title">What becomes of it</h2>
          <EngineNotices engine={engine} />
          {shown}
        </section>
      </div>
      <p class="muted">svidecar {pageData.version}</p>
    </PageFrame>
  );
}

const noMarks = [] as const;

function faultOf(
  answer: WorkbenchAnswer | undefined,
): { readonly line: number | undefined; readonly message: string } | undefined {
  return answer?.kind === 'unusable' ? answer : undefined;
}

/**
 * What a link carried is put in, also when another one is opened in this tab: by the person, or by any page that led here.
 * The newest wins, however long an older one takes.
 */
function useFragment(overtake: InputHandle['overtake'], tell: (text: string) => void): void {
  useEffect(() => {
    let count = 0;
    const read = (): void => {
      const turn = ++count;
      void readFragment(location.hash, offeredMinors).then((reading) => {
        if (turn !== count) return;
        if (reading.kind === 'broken')
          tell('This link is cut off or damaged: it carries no input that can be read.');
        if (reading.kind === 'foreign')
          tell('This link is of another version of the workbench: open it with that one.');
        if (reading.kind !== 'read') return;
        const isKept = overtake({ ...reading.question, shown: 0 });
        tell([...(isKept ? [overtakenWords] : []), ...reading.remarks].join(' '));
      });
    };
    read();
    addEventListener('hashchange', read);
    return () => {
      removeEventListener('hashchange', read);
    };
  }, []);
}

const overtakenWords =
  'What the link carries is in the place of your input. The button “Back to the input before” brings yours back.';

function useDroppedFiles(open: (files: Iterable<File>) => void): void {
  useEffect(() => {
    const over = (event: DragEvent): void => {
      if (event.dataTransfer?.types.includes('Files') === true) event.preventDefault();
    };
    const drop = (event: DragEvent): void => {
      const files = [...(event.dataTransfer?.files ?? [])];
      if (files.length === 0) return;
      event.preventDefault();
      open(files);
    };
    addEventListener('dragover', over);
    addEventListener('drop', drop);
    return () => {
      removeEventListener('dragover', over);
      removeEventListener('drop', drop);
    };
  }, [open]);
}

function ShareButton({
  input,
  tell,
}: {
  readonly input: WorkbenchInput;
  readonly tell: (text: string) => void;
}): VNode {
  const share = async (): Promise<void> => {
    if (input.files.length > maxLinkFiles) {
      tell(`A link holds at most ${maxLinkFiles} files: send the files instead.`);
      return;
    }
    const fragment = await fragmentOf(input);
    if (fragment.length > maxFragment) {
      const [most, length] = [maxFragment, fragment.length].map((each) =>
        each.toLocaleString('en'),
      );
      tell(
        `This input makes a link of ${length ?? ''} characters, more than the ${most ?? ''} that survive a mail: send the files instead.`,
      );
      return;
    }
    // The address is the link: the browser's own way of copying it works everywhere.
    history.replaceState(null, '', fragment);
    const isCopied = await navigator.clipboard.writeText(location.href).then(
      () => true,
      () => false,
    );
    tell(
      isCopied
        ? 'The link is copied. The input is in it, behind the #: it is sent to no server.'
        : 'The link is in the address bar. The input is in it, behind the #: it is sent to no server.',
    );
  };
  return (
    <button type="button" onClick={() => void share()}>
      Link with this input
    </button>
  );
}

interface FormBesideProps {
  readonly input: WorkbenchInput;
  readonly change: ChangeInput;
  readonly engine: EngineHandle;
  readonly result: WorkbenchResult;
}

function FormBeside({ input, change, engine, result }: FormBesideProps): VNode {
  const [fault, setFault] = useState<string | undefined>(undefined);
  const newest = useRef(input);
  newest.current = input;
  const last = useRef<Promise<void>>(Promise.resolve());
  // One after the other: each is written into what the one before has made of the text.
  const put = (file: string, callFor: (source: InputFile) => EngineCall): void => {
    last.current = last.current.then(async () => {
      const source = sourceOf(file);
      if (source === undefined) return;
      const reply = await engine.call(callFor(source));
      setFault(reply.kind === 'failed' ? reply.message : undefined);
      // What was typed meanwhile wins.
      if (reply.kind !== 'text' || sourceOf(file)?.text !== source.text) return;
      change((now) => withText(now, file, reply.text));
      // The page is drawn anew a moment later.
      newest.current = withText(newest.current, file, reply.text);
    });
  };
  const sourceOf = (file: string): InputFile | undefined =>
    newest.current.files.find(({ name }) => name === file);
  const form = (
    <AskForm
      result={result}
      fault={fault}
      annotate={({ place }, wanted) => {
        put(place.file, (source) => ({ kind: 'annotate', source, place, wanted }));
      }}
      label={(namespace, value) => {
        const file = fileWith(result, namespace) ?? '';
        put(file, (source) => ({ kind: 'label', source, namespace, value }));
      }}
    />
  );
  // As the results: a list of thousands of workloads is in it.
  return useMemo(() => form, [result, fault]);
}

/** The file with the Namespace; else that of its first workload. */
function fileWith({ namespaces, workloads }: WorkbenchResult, name: string): string | undefined {
  const there = namespaces.find((each) => each.name === name)?.file;
  return there ?? workloads.find(({ namespace }) => namespace === name)?.place.file;
}

/** Milliseconds after which work can be stopped by hand. */
const slowMs = 1_500;

function EngineNotices({ engine }: { readonly engine: EngineHandle }): VNode {
  const { answer, failure, isWorking, unread, stop } = engine;
  const isSlow = useSlow(isWorking);
  return (
    <>
      {isSlow ? (
        <Notice tone="info">
          Still at work …{' '}
          <button type="button" onClick={stop}>
            Stop
          </button>
        </Notice>
      ) : undefined}
      {failure === undefined ? undefined : (
        <Notice tone="bad" isAlert>
          {failure === 'stopped'
            ? 'Stopped: what stands below is of the input before.'
            : `This is a mistake of svidecar’s own; please report it with what you put in. ${failure}`}
        </Notice>
      )}
      {answer?.kind === 'unusable' ? (
        <Notice tone="bad" isAlert>
          {printable(answer.message)} [{answer.code}]
        </Notice>
      ) : undefined}
      {unread === 0 ? undefined : (
        <Notice tone="warn">
          The configuration holds certificates or public keys: they are not looked at here. svidecar
          check -c FILE looks at them.
        </Notice>
      )}
    </>
  );
}

function useSlow(isWorking: boolean): boolean {
  const [isSlow, setSlow] = useState(false);
  useEffect(() => {
    setSlow(false);
    if (!isWorking) return undefined;
    const timer = setTimeout(() => {
      setSlow(true);
    }, slowMs);
    return () => {
      clearTimeout(timer);
    };
  }, [isWorking]);
  return isSlow;
}
