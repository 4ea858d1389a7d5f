/** A text that is edited, with marks at its lines; and one that is only read. */
import { isolateHistory } from '@codemirror/commands';
import { lintGutter, setDiagnostics, type Diagnostic } from '@codemirror/lint';
import { Annotation, EditorState, type Text } from '@codemirror/state';
import { EditorView, lineNumbers } from '@codemirror/view';
import { basicSetup } from 'codemirror';
import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { codeLook, readOnlyCode, shadowOf } from './code-look.ts';

/** Something to say about a line. */
export interface EditorMark {
  /** From 1. */
  readonly line: number;
  readonly severity: 'error' | 'warning';
  readonly message: string;
}

interface CodeEditorProps {
  /** For screen readers. */
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly marks: readonly EditorMark[];
  /** A line to go to; a new object goes there again. */
  readonly goTo?: { readonly line: number } | undefined;
}

/** On changes that came from outside: whoever made them knows. */
const fromOutside = Annotation.define<true>();

/**
 * The person's text is the editor's: what comes back of it, perhaps while more is typed, changes nothing. Texts of others come
 * in as what differs, so that undo takes back that alone.
 */
export function CodeEditor({ label, value, onChange, marks, goTo }: CodeEditorProps): VNode {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | undefined>(undefined);
  /** Texts that were told and have not come back yet. */
  const told = useRef<string[]>([]);
  const changed = useRef(onChange);
  changed.current = (text) => {
    told.current.push(text);
    onChange(text);
  };
  useEffect(() => {
    if (host.current === null) return undefined;
    const made = openEditor(shadowOf(host.current), { label, value, changed });
    view.current = made;
    return () => {
      made.destroy();
      view.current = undefined;
    };
  }, [label]);
  useEffect(() => {
    const at = told.current.indexOf(value);
    told.current.splice(0, at === -1 ? Infinity : at + 1);
    if (at === -1 && view.current !== undefined) bringIn(view.current, value);
  }, [value]);
  useEffect(() => {
    // All have come back: what was typed and taken back again changes no value.
    if (told.current.at(-1) === value) told.current = [];
  });
  useEffect(() => {
    const current = view.current;
    if (current === undefined) return;
    current.dispatch(setDiagnostics(current.state, diagnosticsOf(marks, current.state.doc)));
  }, [marks, label]);
  useEffect(() => {
    if (view.current !== undefined && goTo !== undefined) moveTo(view.current, goTo.line);
  }, [goTo, label]);
  return <div class="code-box editor" ref={host} />;
}

interface Opened {
  readonly label: string;
  readonly value: string;
  readonly changed: { readonly current: (value: string) => void };
}

function openEditor(root: ShadowRoot, { label, value, changed }: Opened): EditorView {
  const extensions = [
    basicSetup,
    lintGutter(),
    codeLook(label),
    // As high as its box, and scrolled in it.
    EditorView.theme({ '&': { height: '100%' } }),
    EditorView.updateListener.of((update) => {
      const isOurs = update.transactions.some((each) => each.annotation(fromOutside) === true);
      if (update.docChanged && !isOurs) changed.current(update.state.doc.toString());
    }),
  ];
  return new EditorView({
    state: EditorState.create({ doc: value, extensions }),
    parent: root,
    root,
  });
}

function bringIn(view: EditorView, value: string): void {
  const now = view.state.doc.toString();
  if (now === value) return;
  const most = Math.min(now.length, value.length);
  let from = 0;
  while (from < most && now.charCodeAt(from) === value.charCodeAt(from)) from += 1;
  let tail = 0;
  while (
    tail < most - from &&
    now.charCodeAt(now.length - 1 - tail) === value.charCodeAt(value.length - 1 - tail)
  )
    tail += 1;
  const insert = value.slice(from, value.length - tail);
  view.dispatch({
    changes: { from, to: now.length - tail, insert },
    annotations: [fromOutside.of(true), isolateHistory.of('full')],
  });
}

function diagnosticsOf(marks: readonly EditorMark[], doc: Text): readonly Diagnostic[] {
  return marks
    .filter(({ line }) => line >= 1 && line <= doc.lines)
    .map(({ line, severity, message }) => {
      const { from, to } = doc.line(line);
      return { from, to, severity, message };
    });
}

function moveTo(view: EditorView, line: number): void {
  const { from } = view.state.doc.line(Math.min(Math.max(line, 1), view.state.doc.lines));
  view.dispatch({
    selection: { anchor: from },
    effects: EditorView.scrollIntoView(from, { y: 'center' }),
  });
  view.focus();
}

/** A text to be read, searched and copied. @param props.label for screen readers */
export function CodeText({
  label,
  text,
}: {
  readonly label: string;
  readonly text: string;
}): VNode {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (host.current === null) return undefined;
    const root = shadowOf(host.current);
    const extensions = [lineNumbers(), codeLook(label), readOnlyCode()];
    const view = new EditorView({
      state: EditorState.create({ doc: text, extensions }),
      parent: root,
      root,
    });
    return () => {
      view.destroy();
    };
  }, [label, text]);
  return <div class="code-box read-only" ref={host} />;
}
