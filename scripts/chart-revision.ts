/** What `revision` of Helm's values changes in the chart: names, labels and hooks, as `svidecar revision render` does it in manifests. */
import { namesRevision } from '../webhook/request/revision-hooks.ts';
import { byLabel, otherThanText, reservedBeginning } from '../webhook/request/revision.ts';
import { sharedLease } from '../webhook/manifests/revise-manifests.ts';

/** Empty, or a dash and the revision. */
const suffix = '{{ include "svidecar.suffix" . }}';
const value = '{{ .Values.revision }}';

/** A template with the names of the release's revision. */
export function withRevision(template: string): string {
  return template
    .replaceAll(
      /^( *(?:- )?(?:name|policyName|serviceAccountName|secretName): svidecar[-a-z]*)$/gm,
      `$1${suffix}`,
    )
    .replaceAll(/^( *app\.kubernetes\.io\/component: webhook)$/gm, `$1${suffix}`)
    .replaceAll(
      /resourceNames: \[(.*)\]$/gm,
      (_all, names: string) => `resourceNames: [${namesOf(names)}]`,
    )
    .replaceAll(/\bsvidecar(?=\..*\.svc$)/gm, `svidecar${suffix}`)
    .replaceAll('/svidecar-serving', `/svidecar-serving${suffix}`)
    .replaceAll(/('system:serviceaccount:.*:svidecar)'$/gm, `$1${suffix}'`)
    .replaceAll("'svidecar-tls'", `'svidecar-tls${suffix}'`)
    .replaceAll(/, svidecar-tls$/gm, `, svidecar-tls${suffix}`)
    .replaceAll(`['svidecar', '${sharedLease}']`, `['svidecar${suffix}', '${sharedLease}']`);
}

function namesOf(list: string): string {
  return list
    .split(', ')
    .map((name) =>
      name === sharedLease || name === 'svidecar-default' ? name : `${name}${suffix}`,
    )
    .join(', ');
}

/** The names that `svidecar revision` refuses, too. */
export function revisionCheck(): string {
  return `{{- /* Made by scripts/generate from webhook/request/revision.ts: change it there. */ -}}
{{- define "svidecar.checkRevision" -}}
{{- if kindIs "invalid" .Values.revision -}}
{{- fail "revision: null is none; for the default revision write revision: ''" -}}
{{- end -}}
{{- if regexMatch ${JSON.stringify(otherThanText.source)} .Values.revision -}}
{{- fail (printf "revision: %s must not be what YAML reads as a number, or as true, false or null" .Values.revision) -}}
{{- end -}}
{{- if regexMatch ${JSON.stringify(reservedBeginning.source)} .Values.revision -}}
{{- fail (printf "revision: %s must not begin with a word that names another object of svidecar; for the default revision leave it empty" .Values.revision) -}}
{{- end -}}
{{- end }}
`;
}

const choice = /^ {8}- key: svidecar\.dev\/revision\n {10}operator: DoesNotExist\n/m;
const condition = /^ {6}- name: names-no-revision\n {8}expression: (?:>-\n(?: {10}.*\n)+|.*\n)/m;

/** Of each hook of a configuration two, where the release is a revision. */
export function withRevisionHooks(template: string): string {
  return template
    .split(/(?=^ {2}- name: \S+\.svidecar\.dev\n)/m)
    .map((part) => (part.startsWith('  - name: ') ? hooks(part) : part))
    .join('');
}

function hooks(part: string): string {
  const end = part.search(/^---$/m);
  const hook = end === -1 ? part : part.slice(0, end);
  const rest = end === -1 ? '' : part.slice(end);
  const [, name = ''] = /^ {2}- name: (\S+)\n/.exec(hook) ?? [];
  if (!choice.test(hook) || !condition.test(hook))
    throw new Error(`${name}: it does not say that it is for what names no revision`);
  const chosen = hook.replace(
    choice,
    (usual) => `        {{- if .Values.revision }}
        - key: svidecar.dev/revision
          operator: In
          values: [{{ .Values.revision | quote }}]
        {{- else }}
${usual}        {{- end }}
`,
  );
  const labelled = hook
    .replace(`  - name: ${name}\n`, `  - name: ${byLabel}${name}\n`)
    .replace(choice, '')
    .replace(
      condition,
      `      - name: names-this-revision\n        expression: >-\n          ${namesRevision(name, value)}\n`,
    )
    .replaceAll(/^ +#.*\n/gm, '');
  return `${chosen}  {{- if .Values.revision }}\n${labelled}  {{- end }}\n${rest}`;
}
