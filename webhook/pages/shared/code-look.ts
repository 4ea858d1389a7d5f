/**
 * How CodeMirror looks here: by the page's variables, so that it changes with the theme. It lives in a shadow root, where its
 * rules are an adopted sheet: the page's policy allows no style element but the page's own.
 */
import { syntaxHighlighting } from '@codemirror/language';
import { EditorState, type Extension } from '@codemirror/state';
import { EditorView, highlightSpecialChars } from '@codemirror/view';
import { yaml } from '@codemirror/lang-yaml';

const looks = EditorView.theme({
  '&': { color: 'var(--text)', backgroundColor: 'var(--surface)', fontSize: '13px' },
  '&.cm-focused': { outline: '2px solid var(--accent)', outlineOffset: '-2px' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.5' },
  '.cm-content': { caretColor: 'var(--text)' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-gutters': {
    color: 'var(--muted)',
    backgroundColor: 'var(--page)',
    borderRight: '1px solid var(--line)',
  },
  '.cm-activeLine': { backgroundColor: 'transparent' },
  '.cm-activeLineGutter': { backgroundColor: 'var(--raised)', color: 'var(--text)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground':
    { background: 'var(--info-surface)' },
  '.cm-matchingBracket, &.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--raised)' },
  '.cm-selectionMatch, .cm-searchMatch': { backgroundColor: 'var(--warn-surface)' },
  '.cm-panels, .cm-tooltip': {
    color: 'var(--text)',
    backgroundColor: 'var(--raised)',
    border: '1px solid var(--line)',
  },
  '.cm-foldPlaceholder, .cm-collapsedLines': {
    color: 'var(--muted)',
    background: 'var(--raised)',
    border: '1px solid var(--line)',
  },
  '.code-key': { color: 'var(--code-key)' },
  '.code-string': { color: 'var(--code-string)' },
  '.code-comment': { color: 'var(--code-comment)' },
  '.code-mark': { color: 'var(--code-mark)' },
});

/** What the YAML parser calls the parts of a text, by the beginning of the name. */
const partClasses: readonly (readonly [RegExp, string])[] = [
  [/propertyName/, 'code-key'],
  [/comment/i, 'code-comment'],
  [/^(?:string|special)/, 'code-string'],
  [/^(?:labelName|typeName|keyword|meta|modifier|separator)/, 'code-mark'],
];

const colours = syntaxHighlighting({
  style: ([tag]) => {
    const name = String(tag);
    return partClasses.find(([pattern]) => pattern.test(name))?.[1] ?? null;
  },
});

/** YAML with colours that have contrast. @param label for screen readers */
export function codeLook(label: string): Extension {
  // It is focusable without a tabindex as well, but axe-core does not know it.
  const attributes = { 'aria-label': label, tabindex: '0' };
  return [yaml(), looks, colours, EditorView.contentAttributes.of(attributes)];
}

/** To be read and selected with the keyboard, not changed. */
export function readOnlyCode(): Extension {
  return [
    EditorState.readOnly.of(true),
    EditorView.editable.of(false),
    // What turns the direction of a text, or is not seen, is shown as such.
    highlightSpecialChars(),
    EditorView.contentAttributes.of({ 'aria-readonly': 'true' }),
  ];
}

/** The shadow root of an element, made once. */
export function shadowOf(host: HTMLElement): ShadowRoot {
  return host.shadowRoot ?? host.attachShadow({ mode: 'open' });
}
