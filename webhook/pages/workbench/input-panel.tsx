/** What is put in: files in an editor, demos, and what the cluster would know besides. */
import { printable } from '#kernel/text.ts';
import type { VNode } from 'preact';
import { useMemo, useRef } from 'preact/hooks';
import { CodeEditor } from '../shared/code-editor.tsx';
import { TabList } from '../shared/tab-list.tsx';
import type { LineMark } from '../../workbench/workbench-model.ts';
import { pageData } from './page-data.ts';
import type { ChangeInput } from './use-input.ts';
import {
  fileShown,
  offeredMinors,
  withDemo,
  withNewFile,
  withText,
  withoutShown,
  type WorkbenchInput,
} from './workbench-input.ts';

export interface InputPanelProps {
  readonly input: WorkbenchInput;
  readonly change: ChangeInput;
  /** For what puts files away. */
  readonly exchange: ChangeInput;
  readonly goBack: (() => void) | undefined;
  readonly marks: readonly LineMark[];
  readonly goTo: { readonly file: string; readonly line: number } | undefined;
  readonly open: (files: Iterable<File>) => void;
}

export function InputPanel(props: InputPanelProps): VNode {
  const { input, change, marks, goTo } = props;
  const file = fileShown(input);
  const own = useMemo(() => marks.filter((mark) => mark.file === file.name), [marks, file.name]);
  const tabs = input.files.map(({ name }, at) => ({ id: String(at), label: printable(name) }));
  return (
    <section class="card" aria-labelledby="input-title">
      <h2 id="input-title">Manifests</h2>
      <InputTools {...props} />
      <TabList
        label="Files"
        tabs={tabs}
        selected={String(input.shown)}
        onSelect={(id) => {
          change((before) => ({ ...before, shown: Number(id) }));
        }}
      >
        <CodeEditor
          key={`${input.shown} ${file.name}`}
          label={`Manifests of ${file.name}`}
          value={file.text}
          onChange={(text) => {
            change((before) => withText(before, file.name, text));
          }}
          marks={own}
          goTo={goTo?.file === file.name ? goTo : undefined}
        />
      </TabList>
    </section>
  );
}

function InputTools({ input, change, exchange, goBack, open }: InputPanelProps): VNode {
  const files = useRef<HTMLInputElement>(null);
  return (
    <div class="row tools">
      <label>
        Demo{' '}
        <select
          value=""
          onChange={({ currentTarget }) => {
            const demo = pageData.demos[Number(currentTarget.value)];
            if (demo !== undefined && currentTarget.value !== '')
              exchange((before) => withDemo(before, demo));
            currentTarget.value = '';
          }}
        >
          <option value="">choose …</option>
          {pageData.demos.map(({ title }, at) => (
            <option key={title} value={at}>
              {title}
            </option>
          ))}
        </select>
      </label>
      <button type="button" onClick={() => files.current?.click()}>
        Open files …
      </button>
      <input
        ref={files}
        type="file"
        multiple
        hidden
        aria-label="Files to open"
        onChange={({ currentTarget }) => {
          open([...(currentTarget.files ?? [])]);
          currentTarget.value = '';
        }}
      />
      <button
        type="button"
        onClick={() => {
          change(withNewFile);
        }}
      >
        New file
      </button>
      <button
        type="button"
        disabled={input.files.length === 1 && fileShown(input).text === ''}
        onClick={() => {
          exchange(withoutShown);
        }}
      >
        Remove this file
      </button>
      <button type="button" disabled={goBack === undefined} onClick={goBack}>
        Back to the input before
      </button>
      <span class="muted">or paste, or drop files anywhere</span>
    </div>
  );
}

/** What the cluster would know: its version, the namespace, the injector's configuration. */
export function SurroundingsPanel({
  input,
  change,
  fault,
}: Pick<InputPanelProps, 'input' | 'change'> & {
  /** Of the configuration. */
  readonly fault: { readonly line: number | undefined; readonly message: string } | undefined;
}): VNode {
  return (
    <details class="card" open={fault !== undefined || input.configuration !== ''}>
      <summary>
        <h2 class="inline">Configuration, namespace, Kubernetes version</h2>
      </summary>
      <div class="row tools">
        <label>
          Namespace of objects that name none{' '}
          <input
            type="text"
            size={14}
            value={input.namespace}
            spellcheck={false}
            onChange={({ currentTarget }) => {
              const namespace = currentTarget.value.trim();
              change((before) => ({
                ...before,
                namespace: namespace === '' ? 'default' : namespace,
              }));
            }}
          />
        </label>
        <label>
          Kubernetes{' '}
          <select
            value={input.kubernetesMinor}
            onChange={({ currentTarget }) => {
              const kubernetesMinor = Number(currentTarget.value);
              change((before) => ({ ...before, kubernetesMinor }));
            }}
          >
            {offeredMinors.map((minor) => (
              <option key={minor} value={minor}>
                1.{minor}
              </option>
            ))}
          </select>
        </label>
      </div>
      <p class="muted">The injector’s configuration, as in its ConfigMap; empty: all defaults.</p>
      <CodeEditor
        label="The injector's configuration"
        value={input.configuration}
        onChange={(configuration) => {
          change((before) => ({ ...before, configuration }));
        }}
        marks={
          fault === undefined
            ? noMarks
            : [{ line: fault.line ?? 1, severity: 'error', message: fault.message }]
        }
      />
    </details>
  );
}

const noMarks = [] as const;
