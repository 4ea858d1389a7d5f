/** What can be asked for, as a form: it writes annotations and labels into the text, and nothing else of it changes. */
import { own } from '#kernel/members.ts';
import { printable } from '#kernel/text.ts';
import type { VNode } from 'preact';
import { useId, useState } from 'preact/hooks';
import { annotationFields, type AnnotationField } from '../../workbench/annotation-fields.ts';
import { settingFault } from '../../request/read-annotations.ts';
import { injectKey, namespaceLabel, templatesKey } from '../../request/metadata-keys.ts';
import type { WantedMembers } from '../../workbench/write-asks.ts';
import type {
  AskingWorkload,
  NamespaceLabel,
  WorkbenchResult,
} from '../../workbench/workbench-model.ts';
import { pageData } from './page-data.ts';

export interface AskFormProps {
  readonly result: WorkbenchResult;
  readonly annotate: (workload: AskingWorkload, wanted: WantedMembers) => void;
  readonly label: (namespace: string, value: string | undefined) => void;
  /** Why the last change could not be written. */
  readonly fault: string | undefined;
}

const fields = annotationFields(pageData.annotations);

export function AskForm({ result, annotate, label, fault }: AskFormProps): VNode {
  const [chosen, setChosen] = useState(0);
  const { workloads, namespaces } = result;
  const workload = workloads[chosen] ?? workloads[0];
  return (
    <section class="card" aria-labelledby="ask-title">
      <h2 id="ask-title">Ask for injection</h2>
      {fault === undefined ? undefined : (
        <p class="notice tone-bad" role="alert">
          {fault}
        </p>
      )}
      {workload === undefined ? (
        <p class="muted">Once there is a workload above, what it asks for can be chosen here.</p>
      ) : (
        <>
          <WorkloadChoice workloads={workloads} workload={workload} choose={setChosen} />
          <TemplateChoice
            key={keyOf(workload)}
            result={result}
            workload={workload}
            annotate={annotate}
          />
          <FieldGroups key={`fields ${keyOf(workload)}`} workload={workload} annotate={annotate} />
          <NamespaceChoice namespaces={namespaces} label={label} />
        </>
      )}
    </section>
  );
}

function keyOf({ place }: AskingWorkload): string {
  return JSON.stringify([place.file, place.document, place.path]);
}

function WorkloadChoice({
  workloads,
  workload,
  choose,
}: {
  readonly workloads: readonly AskingWorkload[];
  readonly workload: AskingWorkload;
  readonly choose: (at: number) => void;
}): VNode {
  return (
    <label class="block">
      Workload{' '}
      <select
        value={workloads.indexOf(workload)}
        onChange={({ currentTarget }) => {
          choose(Number(currentTarget.value));
        }}
      >
        {workloads.map(({ kind, namespace, name, place, line }, at) => (
          <option key={at} value={at}>
            {printable(`${kind} ${namespace}/${name} (${place.file}:${line})`)}
          </option>
        ))}
      </select>
    </label>
  );
}

function namesIn(workload: AskingWorkload): readonly string[] {
  return (own(workload.annotations, templatesKey) ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

type WritesFor = Pick<AskFormProps, 'annotate'> & { readonly workload: AskingWorkload };

function TemplateChoice({
  result,
  workload,
  annotate,
}: WritesFor & Pick<AskFormProps, 'result'>): VNode {
  const asked = namesIn(workload);
  const isOut = own(workload.annotations, injectKey)?.trim() === 'false';
  // Not what is asked for as a whole: the answer to the tick before may still be on its way.
  const write = (name: string, isWanted: boolean): void => {
    annotate(workload, { [templatesKey]: { name, isWanted } });
  };
  return (
    <fieldset>
      <legend>
        Templates (<code>{templatesKey}</code>)
      </legend>
      {result.templates.map(({ name, description }) => (
        <label key={name} class="choice">
          <input
            type="checkbox"
            checked={asked.includes(name)}
            onChange={({ currentTarget }) => {
              write(name, currentTarget.checked);
            }}
          />{' '}
          <strong>{name}</strong> <span class="muted">{description}</span>
        </label>
      ))}
      <label class="choice">
        <input
          type="checkbox"
          checked={isOut}
          onChange={({ currentTarget }) => {
            annotate(workload, { [injectKey]: currentTarget.checked ? 'false' : undefined });
          }}
        />{' '}
        <strong>opt out</strong>{' '}
        <span class="muted">
          <code>{injectKey}: "false"</code> removes what was injected
        </span>
      </label>
    </fieldset>
  );
}

/** Fields that its templates may read, and those that are set. */
function FieldGroups({ workload, annotate }: WritesFor): VNode {
  const shown = fields.filter(
    ({ setting, key }) =>
      Object.hasOwn(workload.annotations, key) ||
      (namesIn(workload).length > 0 && workload.reads.includes(setting)),
  );
  const sections = [...new Set(shown.map(({ section }) => section))];
  return (
    <>
      {sections.map((section) => {
        const inside = shown.filter((each) => each.section === section);
        const isSet = inside.some(({ key }) => Object.hasOwn(workload.annotations, key));
        const isDue = inside.some(({ usual }) => usual.startsWith('required'));
        return (
          <details key={section} open={isSet || isDue}>
            <summary>{section}</summary>
            {inside.map((field) => (
              <FieldView key={field.key} field={field} workload={workload} annotate={annotate} />
            ))}
          </details>
        );
      })}
    </>
  );
}

function FieldView({
  field,
  workload,
  annotate,
}: WritesFor & { readonly field: AnnotationField }): VNode {
  const { setting, key, values, usual, example, choices } = field;
  const id = useId();
  const written = own(workload.annotations, key) ?? '';
  const [typed, setTyped] = useState<string | undefined>(undefined);
  const value = typed ?? written;
  const fault = value === '' ? undefined : settingFault(setting, value);
  const write = (text: string): void => {
    if (text !== '' && settingFault(setting, text) !== undefined) {
      setTyped(text);
      return;
    }
    setTyped(undefined);
    if (text !== written) annotate(workload, { [key]: text === '' ? undefined : text });
  };
  const shared = {
    id,
    value,
    'aria-describedby': `${id}-help`,
    'aria-invalid': fault !== undefined,
  };
  return (
    <div class="field">
      <label for={id}>
        <code>{key}</code>
      </label>
      {choices === undefined ? (
        <input
          {...shared}
          type="text"
          spellcheck={false}
          placeholder={example}
          onInput={({ currentTarget }) => {
            setTyped(currentTarget.value);
          }}
          onChange={({ currentTarget }) => {
            write(currentTarget.value.trim());
          }}
        />
      ) : (
        <ChoiceOf
          choices={choices}
          shared={shared}
          onChange={(text) => {
            write(text);
          }}
        />
      )}
      <p id={`${id}-help`} class="muted">
        {values}. Without it: {usual}.{fault === undefined ? undefined : <strong> {fault}.</strong>}
      </p>
    </div>
  );
}

function ChoiceOf({
  choices,
  shared,
  onChange,
}: {
  readonly choices: readonly string[];
  readonly shared: { readonly id: string; readonly value: string };
  readonly onChange: (value: string) => void;
}): VNode {
  const isOther = shared.value !== '' && !choices.includes(shared.value);
  return (
    <select
      {...shared}
      onChange={({ currentTarget }) => {
        onChange(currentTarget.value);
      }}
    >
      <option value="">not set</option>
      {[...choices, ...(isOther ? [shared.value] : [])].map((each) => (
        <option key={each} value={each}>
          {each}
        </option>
      ))}
    </select>
  );
}

const labelValues = ['enabled', 'pod'] as const;

function NamespaceChoice({
  namespaces,
  label,
}: {
  readonly namespaces: readonly NamespaceLabel[];
  readonly label: AskFormProps['label'];
}): VNode {
  return (
    <fieldset>
      <legend>
        Namespace label (<code>{namespaceLabel}</code>)
      </legend>
      <p class="muted">
        In a cluster, the webhook sees only what is in a namespace with this label.
      </p>
      {namespaces.map(({ name, label: value }) => (
        <label key={name} class="choice">
          {printable(name)}{' '}
          <select
            value={value ?? ''}
            onChange={({ currentTarget }) => {
              const chosen = currentTarget.value;
              label(name, chosen === '' ? undefined : chosen);
            }}
          >
            <option value="">{value === undefined ? 'no Namespace here' : 'no label'}</option>
            {[...labelValues, ...otherValue(value)].map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
          </select>
        </label>
      ))}
    </fieldset>
  );
}

function otherValue(value: string | undefined): readonly string[] {
  const isKnown = value === undefined || value === '' || labelValues.some((each) => each === value);
  return isKnown ? [] : [value];
}
