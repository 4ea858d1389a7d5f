/**
 * Writes the generated part of the Helm chart: templates made from the kustomize manifests by stated edits, so that
 * there is one copy to maintain, and values.schema.json. An edit whose text is not there any more fails.
 * usage: node scripts/chart.ts FOLDER
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chartEdits } from './chart-edits.ts';
import { revisionCheck, withRevision, withRevisionHooks } from './chart-revision.ts';
import type { Edit } from './chart-file.ts';
import { valuesSchema } from './chart-values.ts';

const manifests = 'manifests/kustomize';
/** Kinds without a namespace; the others get the release's. */
const clusterKinds: ReadonlySet<string> = new Set([
  'ClusterRole',
  'ClusterRoleBinding',
  'ClusterSPIFFEID',
  'MutatingWebhookConfiguration',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
]);

/** Wherever svidecar's own namespace stands; in quotes, because a namespace may be called "1". */
const everywhere: readonly Edit[] = [
  { is: '  namespace: svidecar\n', becomes: '  namespace: {{ .Release.Namespace | quote }}\n' },
  { is: 'values: [svidecar]', becomes: 'values: [{{ .Release.Namespace | quote }}]' },
  { is: '[kube-system, svidecar]', becomes: '[kube-system, {{ .Release.Namespace | quote }}]' },
  { is: 'svidecar.svidecar.svc', becomes: 'svidecar.{{ .Release.Namespace }}.svc' },
];

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: node scripts/chart.ts FOLDER');
mkdirSync(join(folder, 'templates'), { recursive: true });
for (const { source, target, when, edits } of chartEdits) {
  // What is a template of somebody else stays one.
  const text = readFileSync(join(manifests, source), 'utf8').replaceAll('{{', '{{ "{{" }}');
  let template = edits.reduce((changed, edit) => replaced(changed, edit, source), text);
  for (const { is, becomes } of everywhere) template = template.replaceAll(is, becomes);
  if (target === 'webhooks.yaml') template = withRevisionHooks(template);
  template = withRevision(template)
    .split(/^---\n/m)
    .map(withLabels)
    .join('---\n');
  if (when !== undefined) template = `{{- if ${when} }}\n${template}{{- end }}\n`;
  const header = `{{- /* Made by scripts/generate from ${manifests}/${source}: change it there. */ -}}\n`;
  writeFileSync(join(folder, 'templates', target), header + template);
}
writeFileSync(join(folder, 'templates', 'config.yaml'), configMap());
writeFileSync(join(folder, 'templates', '_revision.tpl'), revisionCheck());
const schema = JSON.stringify(valuesSchema(), null, 2);
writeFileSync(join(folder, 'values.schema.json'), `${schema}\n`);

function replaced(text: string, { is, becomes, times = 1 }: Edit, where: string): string {
  const parts = text.split(is);
  if (parts.length !== times + 1) {
    throw new Error(`${where}: this occurs ${parts.length - 1} times, not ${times}:\n${is}`);
  }
  return parts.join(becomes);
}

/** The object's labels after its name and namespace, as kustomize adds them. */
function withLabels(document: string): string {
  const [, kind = ''] = /^kind: (\w+)$/m.exec(document) ?? [];
  const metadata = clusterKinds.has(kind)
    ? /^metadata:\n {2}name: .*\n/m
    : /^metadata:\n {2}name: .*\n {2}namespace: .*\n/m;
  if (!metadata.test(document)) throw new Error(`${kind}: it has no name, or no namespace`);
  return document.replace(
    metadata,
    (lines) => `${lines}  labels:\n    {{- include "svidecar.labels" . | nindent 4 }}\n`,
  );
}

/** What kustomize's configMapGenerator makes of the base's config.yaml, with the values' configuration in it. */
function configMap(): string {
  const file = readFileSync(join(manifests, 'base/config.yaml'), 'utf8');
  const text = replaced(file, { is: '\n{}\n', becomes: '\n' }, 'base/config.yaml');
  return `{{- /* Made by scripts/generate from ${manifests}/base/config.yaml: change it there. */ -}}
{{- include "svidecar.checkValues" . -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: svidecar{{ include "svidecar.suffix" . }}
  namespace: {{ .Release.Namespace | quote }}
  labels:
    {{- include "svidecar.labels" . | nindent 4 }}
data:
  config.yaml: |
${text.replaceAll(/^(?=.)/gm, '    ')}    {{- toYaml .Values.config | nindent 4 }}
`;
}
