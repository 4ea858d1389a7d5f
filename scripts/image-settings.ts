/** What a runtime is told about an image besides its files: how each of ours is started, as whom, and with which variables. */
import type { Program } from './bundle.ts';
import type { Image } from './image-archive.ts';
import { memoryEnvironment } from './memory-environment.ts';

interface Start {
  readonly description: string;
  /** The program, and the bundle that it runs. */
  readonly entrypoint: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

export const runtimePath = 'usr/local/bin/runtime';

/** As in a release: the helper is one program. */
export const starts: Readonly<Record<Program, Start>> = {
  helper: {
    description: 'The auth-helper: Envoy asks it about each request.',
    entrypoint: ['/usr/local/bin/auth-helper'],
    environment: memoryEnvironment,
  },
  webhook: {
    description: 'The admission webhook and the command line.',
    entrypoint: [`/${runtimePath}`, '/opt/svidecar/webhook/main.mjs'],
    environment: { NODE_ENV: 'production' },
  },
  demo: {
    description: 'The demo: accounts behind an Envoy, and a page that shows one.',
    entrypoint: [`/${runtimePath}`, '/opt/svidecar/demo.mjs'],
    environment: { NODE_ENV: 'production', NODE_OPTIONS: '--max-semi-space-size=1' },
  },
};

/** Where the statement of what is inside lies in each image. */
export const sbomPath = 'usr/share/svidecar/sbom.spdx.json';

interface Stated extends Start {
  readonly repository: string;
  readonly tag: string;
  /** SPDX expression. */
  readonly license: string;
  /** Name and version. */
  readonly runtime: string;
}

export function settingsOf(stated: Stated): Image['config'] {
  const { repository, tag, description, license, runtime, entrypoint, environment } = stated;
  return {
    Entrypoint: entrypoint,
    // A number, so that the kubelet can check runAsNonRoot.
    User: '65532:65532',
    Env: [
      'PATH=/usr/local/bin:/usr/sbin:/usr/bin:/bin',
      ...Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    ],
    Labels: {
      'org.opencontainers.image.title': repository,
      'org.opencontainers.image.description': description,
      'org.opencontainers.image.version': tag,
      'org.opencontainers.image.licenses': license,
      [runtimeLabel]: runtime,
      'dev.svidecar.image.sbom': `/${sbomPath}`,
    },
  };
}

export const runtimeLabel = 'dev.svidecar.image.runtime';

/** The same image, made of a commit. */
export function ofCommit(settings: Image['config'], commit: string): Image['config'] {
  const Labels = { ...settings.Labels, 'org.opencontainers.image.revision': commit };
  return { ...settings, Labels };
}
