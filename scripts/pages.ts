/**
 * Makes each page of webhook/pages one HTML text with its script and style inside: it asks nobody for anything, and its
 * policy lets nothing run but these two.
 * `pages.ts` writes all of them to dist/pages; `pages.ts NAME` prints one.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build as runBuild, type Plugin } from 'esbuild';
import { testedKubernetesMinor } from '../webhook/injection/tested-kubernetes.ts';
import { packagesIn } from './bundle.ts';

interface PageKind {
  readonly title: string;
  /** Beyond its own script and style. @see W3C CSP3 §6 */
  readonly allows: string;
  /** What it reads as `svidecarPageData`. */
  readonly data?: () => object;
}

/** The folder of a page in webhook/pages is its name here. */
const pages: ReadonlyMap<string, PageKind> = new Map([
  ['start', { title: 'svidecar start', allows: "connect-src 'self'" }],
  ['workbench', { title: 'svidecar workbench', allows: 'worker-src blob:', data: workbenchData }],
  ['console', { title: 'svidecar console', allows: "connect-src 'self'" }],
]);

/** In no particular order. */
export const pageNames: readonly string[] = [...pages.keys()];

const root = join(import.meta.dirname, '..');
/** Of 2024: what the engine uses of the language itself cannot be rewritten, such as Map.groupBy. */
const browsers = ['chrome122', 'firefox131', 'safari18.4'];
const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#1d4f91"/><path d="M4 8l3 3 5-6" fill="none" stroke="#fff" stroke-width="2"/></svg>';

/** In a browser there is no node:crypto: what the engine takes of it stands in a file of ours. */
const browserCrypto: Plugin = {
  name: 'browser-crypto',
  setup: (build) => {
    build.onResolve({ filter: /^node:crypto$/ }, () => ({
      path: join(root, 'webhook/pages/workbench/browser-crypto.ts'),
    }));
  },
};

/** The engine uses this global of Node's. */
const browserBuffer = join(root, 'webhook/pages/workbench/browser-buffer.ts');
/** zod would try whether it may make code of texts, which the policy forbids and the console tells of. */
const noCodeFromTexts = 'globalThis.__zod_globalConfig={jitless:true};';

function textOf(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** @see webhook/pages/workbench/page-data.ts */
function workbenchData(): object {
  // Our own package.json.
  const { version } = JSON.parse(textOf('package.json')) as { readonly version: string };
  const folders = readdirSync(join(root, 'templates'), { withFileTypes: true });
  const names = folders.filter((each) => each.isDirectory()).map(({ name }) => name);
  const templates = Object.fromEntries(
    names.map((name) => [name, textOf(`templates/${name}/template.yaml`)]),
  );
  const demoFolder = 'webhook/pages/workbench/demos';
  const small = readdirSync(join(root, demoFolder)).sort().reverse();
  return {
    version,
    kubernetesMinor: testedKubernetesMinor,
    templates,
    annotations: textOf('docs/annotations.md'),
    demos: [
      shopDemo(),
      ...small.map((name) => {
        const text = textOf(`${demoFolder}/${name}`);
        return { title: text.slice('# '.length, text.indexOf('\n')), files: [{ name, text }] };
      }),
    ],
  };
}

/** The tutorial's, each file by itself. */
function shopDemo(): object {
  const folder = 'manifests/demo';
  const names = ['frontend.yaml', 'frontend-2.yaml', 'backend.yaml', '00-namespace.yaml'];
  const files = names.map((name) => ({ name, text: textOf(`${folder}/${name}`) }));
  return { title: 'The tutorial: frontend, frontend-2 and backend behind their Envoys', files };
}

interface Page {
  readonly html: string;
  /** Folders of the npm packages whose code is inside, in order. */
  readonly packages: readonly string[];
}

/**
 * @throws TypeError where there is no such page, or its script or style could end its own element
 */
export async function buildPage(name: string): Promise<Page> {
  const kind = pages.get(name);
  if (kind === undefined) throw new TypeError(`pages are ${pageNames.join(', ')}, not ${name}`);
  const { data } = kind;
  const { outputFiles, metafile } = await runBuild({
    entryPoints: [join(root, 'webhook/pages', name, 'main.tsx')],
    outdir: join(root, 'dist/pages'),
    absWorkingDir: root,
    write: false,
    bundle: true,
    metafile: true,
    platform: 'browser',
    format: 'iife',
    target: browsers,
    minify: true,
    legalComments: 'none',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    inject: data === undefined ? [] : [browserBuffer],
    banner: { js: noCodeFromTexts },
    define: data === undefined ? {} : { svidecarPageData: JSON.stringify(data()) },
    plugins: [browserCrypto],
    logLevel: 'warning',
  });
  const made = (extension: string): string =>
    outputFiles.find(({ path }) => path.endsWith(extension))?.text.trim() ?? '';
  const packages = packagesIn(metafile);
  const html = htmlOf(kind, {
    script: inside('script', made('.js')),
    style: inside('style', made('.css')),
    packages: packages.map(titleOf),
  });
  return { html, packages };
}

interface PageParts {
  readonly script: string;
  readonly style: string;
  readonly packages: readonly string[];
}

function htmlOf({ title, allows }: PageKind, { script, style, packages }: PageParts): string {
  const policy = [
    "default-src 'none'",
    `script-src '${digestOf(script)}'`,
    `style-src '${digestOf(style)}'`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    allows,
  ].join('; ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(icon)}">
<!-- svidecar, Apache-2.0. Inside: ${packages.join(', ')}. -->
<style>${style}</style>
</head>
<body>
<div id="root"></div>
<noscript>This page is a program: it needs JavaScript.</noscript>
<script>${script}</script>
</body>
</html>
`;
}

/** Refused rather than escaped: the digest is that of the text as it stands. @see HTML §4.12.1.3 */
function inside(element: 'script' | 'style', text: string): string {
  if (text === '') throw new TypeError(`the page has no ${element}`);
  if (new RegExp(`</${element}|<!--`, 'i').test(text))
    throw new TypeError(`the ${element} holds what ends or opens an element of its own`);
  return text;
}

function digestOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

/** Name, version and licence of a package. */
function titleOf(folder: string): string {
  // The border to npm: a package.json has these.
  const { name, version, license } = JSON.parse(textOf(`${folder}/package.json`)) as {
    readonly name: string;
    readonly version: string;
    readonly license: string;
  };
  return `${name} ${version} (${license})`;
}

async function main(asked: string | undefined): Promise<void> {
  if (asked !== undefined) {
    process.stdout.write((await buildPage(asked)).html);
    return;
  }
  const folder = join(root, 'dist/pages');
  mkdirSync(folder, { recursive: true });
  for (const name of pageNames) {
    const { html } = await buildPage(name);
    writeFileSync(join(folder, `${name}.html`), html);
    console.log(`dist/pages/${name}.html ${Buffer.byteLength(html)}`);
  }
}

if (import.meta.main) await main(process.argv[2]);
