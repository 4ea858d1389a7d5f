/** Two texts side by side, what differs marked; one below the other where the page is narrow. */
import { MergeView, unifiedMergeView } from '@codemirror/merge';
import { EditorState, type Extension } from '@codemirror/state';
import { EditorView, lineNumbers } from '@codemirror/view';
import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { codeLook, readOnlyCode, shadowOf } from './code-look.ts';

export interface DiffViewProps {
  /** Of the two texts together, such as `Deployment shop/frontend`. */
  readonly label: string;
  readonly before: string;
  readonly after: string;
}

/** Below it there is no place for two columns. */
const narrow = (): MediaQueryList => matchMedia('(max-width: 800px)');
/** A difference that takes longer to find is shown less exactly. */
const diffConfig = { scanLimit: 10_000, timeout: 300 };
const collapse = { margin: 3, minSize: 6 };

const diffLooks = EditorView.theme({
  // The package's own sign is in few fonts.
  '.cm-collapsedLines::before, .cm-collapsedLines::after': { content: '"⋯"' },
  '&.cm-merge-a .cm-changedLine, .cm-deletedChunk': { backgroundColor: 'var(--removed)' },
  '&.cm-merge-b .cm-changedLine, .cm-insertedLine, .cm-changedLine': {
    backgroundColor: 'var(--added)',
  },
  '&.cm-merge-a .cm-changedText, .cm-deletedChunk .cm-deletedText': {
    background: 'var(--removed-text)',
  },
  '&.cm-merge-b .cm-changedText, .cm-changedText': { background: 'var(--added-text)' },
});

export function DiffView(props: DiffViewProps): VNode {
  const host = useRef<HTMLDivElement>(null);
  const isNarrow = useNarrow();
  const { label, before, after } = props;
  useEffect(() => {
    if (host.current === null) return undefined;
    const root = shadowOf(host.current);
    const view = isNarrow ? oneColumn(props, root) : twoColumns(props, root);
    return () => {
      view.destroy();
      root.replaceChildren();
    };
  }, [label, before, after, isNarrow]);
  return <div class="code-box" role="group" aria-label={`${label}: before and after`} ref={host} />;
}

function useNarrow(): boolean {
  const [isNarrow, setNarrow] = useState(() => narrow().matches);
  useEffect(() => {
    const query = narrow();
    const follow = (): void => {
      setNarrow(query.matches);
    };
    query.addEventListener('change', follow);
    return () => {
      query.removeEventListener('change', follow);
    };
  }, []);
  return isNarrow;
}

function side(label: string): Extension {
  return [lineNumbers(), codeLook(label), diffLooks, readOnlyCode()];
}

function twoColumns({ label, before, after }: DiffViewProps, root: ShadowRoot): MergeView {
  return new MergeView({
    a: { doc: before, extensions: side(`${label}: before`) },
    b: { doc: after, extensions: side(`${label}: after`) },
    parent: root,
    root,
    collapseUnchanged: collapse,
    diffConfig,
  });
}

function oneColumn({ label, before, after }: DiffViewProps, root: ShadowRoot): EditorView {
  const extensions = [
    side(`${label}: before and after`),
    unifiedMergeView({
      original: before,
      mergeControls: false,
      collapseUnchanged: collapse,
      diffConfig,
    }),
  ];
  return new EditorView({
    state: EditorState.create({ doc: after, extensions }),
    parent: root,
    root,
  });
}
