/** Whether what is applied to a cluster asks for the images of this release, by their digests, and for no others. */
import { isObject, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { requireCharacters } from '../../webhook/editing/text-fault.ts';
import { documentsIn } from './manifest-text.ts';
import type { Installed } from './pinned-manifests.ts';
import type { PinnedImage } from './release-images.ts';

const referenceOf = ({ repository, digest }: PinnedImage): string => `${repository}@${digest}`;

/** @throws {Error} that names an image which is not one of these, or one of these that is not asked for */
export function lookIntoManifests(text: string, installed: Installed): void {
  const found = new Set(documentsIn(text).flatMap(imagesIn));
  const wanted = [installed.webhook, installed.helper].map(referenceOf);
  const foreign = [...found].find((each) => !wanted.includes(each));
  if (foreign !== undefined)
    throw new Error(`it asks for ${foreign}, and the images here are ${wanted.join(' and ')}`);
  const missing = wanted.find((each) => !found.has(each));
  if (missing !== undefined) throw new Error(`it does not ask for ${missing}`);
}

/** Whatever stands where an image does, in objects, and in the texts of ConfigMaps, which hold YAML. */
function imagesIn(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(imagesIn);
  if (!isObject(value)) return [];
  const isConfigMap = value['kind'] === 'ConfigMap';
  const texts = isConfigMap ? Object.values(objectAt(value, 'data')) : [];
  return [
    ...Object.entries(value).flatMap(([key, within]) =>
      (key === 'image' || key === 'repository') && !isObject(within)
        ? [typeof within === 'string' ? within : JSON.stringify(within)]
        : imagesIn(within),
    ),
    ...texts.flatMap((text) => documentsIn(typeof text === 'string' ? text : '').flatMap(imagesIn)),
  ];
}

/** The chart's own files, and none of another chart. */
const chartPath = /^svidecar\/(?:Chart\.yaml|values\.yaml|values\.schema\.json|templates\/[^/]+)$/;

/** @throws {Error} that says what is not the chart of this release */
export function lookIntoChart(
  files: ReadonlyMap<string, Buffer>,
  version: string,
  installed: Installed,
): void {
  const foreign = [...files.keys()].find((path) => !chartPath.test(path));
  if (foreign !== undefined) throw new Error(`it holds ${foreign}, which is no file of the chart`);
  lookAtVersion(objectIn(files, 'Chart.yaml'), version);
  lookAtValues(objectIn(files, 'values.yaml'), installed);
  for (const [path, content] of files)
    if (path.startsWith('svidecar/templates/')) lookAtTemplate(path, content.toString());
}

function lookAtVersion(about: JsonObject, version: string): void {
  for (const key of ['version', 'appVersion'])
    if (stringAt(about, key) !== version)
      throw new Error(`its ${key} is ${stringAt(about, key) ?? 'missing'}, not ${version}`);
  if (about['dependencies'] !== undefined) throw new Error('it asks for other charts');
}

function lookAtValues(values: JsonObject, { webhook, helper }: Installed): void {
  const named = objectAt(values, 'image');
  const own = `${stringAt(named, 'repository') ?? ''}@${stringAt(named, 'digest') ?? ''}`;
  if (own !== referenceOf(webhook))
    throw new Error(`its values name ${own}, and the webhook here is ${referenceOf(webhook)}`);
  const others = imagesIn({ ...values, image: {} });
  if (others.join(' ') !== referenceOf(helper))
    throw new Error(
      `its values ask for ${others.join(' and ') || 'no helper'}, and the helper here is ${referenceOf(helper)}`,
    );
}

function objectIn(files: ReadonlyMap<string, Buffer>, name: string): JsonObject {
  const [found] = documentsIn(files.get(`svidecar/${name}`)?.toString() ?? '');
  if (!isObject(found)) throw new Error(`its ${name} is missing, or no object`);
  return found;
}

/** The one line with which a template asks for an image, and what it is made of. */
const asked = 'image: {{ include "svidecar.image" . | quote }}';
const defined = `{{- define "svidecar.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}
`;

function lookAtTemplate(path: string, text: string): void {
  requireCharacters(text);
  const rest = text.replace(defined, '').replace(/^\s*#.*$/gm, '');
  const line = rest
    .split('\n')
    .map((each) => each.trim())
    .find((each) => /\bimage["']?\s*:|define\s+["`]svidecar\.image/.test(each) && each !== asked);
  if (line !== undefined) throw new Error(`${path} asks for an image of its own: ${line}`);
  lookAtWords(path, rest);
}

/** What the chart's templates use. Others make text of what stands nowhere as such. */
const functions: ReadonlySet<string> = new Set(
  `and b64enc default define dig else end eq fail gt has hasKey hasPrefix if include int kindIs list nindent not or printf quote
  regexMatch replace toYaml trim with`.split(/\s+/),
);

/** Other spellings of a key: escaped, explicit, tagged, by an alias, made by an action. */
const spelt: readonly RegExp[] = [
  /"(?:[^"\\\n]|\\.)*\\.(?:[^"\\\n]|\\.)*"\s*:/,
  // CEL has conditions that begin a line.
  /^[ \t]*(?:- +)*\?[ \t]*(?:$|[|>&!"]|'?image\b)/m,
  /(?:^|[\s{[,])!(?:!|<)/m,
  /(?:^|[\s{[,])\*[\w-]+\s*:/m,
  /^[^\n:"']*\}\}[^\n:"'{]*:(?:\s|$)/m,
];

/** Without the commit to compare with, at least no image is asked for in words that are not read as such here. */
function lookAtWords(path: string, text: string): void {
  // Comments, and texts in actions, which are told to whoever installs.
  const actions = [...text.matchAll(/\{\{-?\s*([^]*?)-?\}\}/g)].map(([, action = '']) => action);
  const used = actions
    .filter((action) => !action.startsWith('/*'))
    .flatMap(
      (action) =>
        action.replaceAll(/"(?:[^"\\]|\\.)*"|`[^`]*`/g, '').match(/(?<![\w.$])[a-zA-Z]\w*/g) ?? [],
    );
  const foreign = used.find((name) => !functions.has(name));
  if (foreign !== undefined)
    throw new Error(`${path} uses ${foreign}, which no template of the chart does`);
  const plain = text.replaceAll(/\{\{[^]*?\}\}/g, '{{}}');
  const key = spelt.map((each) => each.exec(plain)?.[0]).find((each) => each !== undefined);
  if (key !== undefined)
    throw new Error(`${path} has a key in other words than the chart's: ${key.trim()}`);
}
