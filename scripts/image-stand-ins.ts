/**
 * Images of other projects under their published names, made of the programs that `scripts/components` installs: a machine
 * without a registry runs the same manifests as one that pulls them.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { ownArchitecture } from './architectures.ts';
import { from, withRuntime, type Contents } from './image-layers.ts';
import { programPath, programVersion } from './pins.ts';

interface Published {
  /** `repository:tag`, where `$version` is the component's. */
  readonly reference: string;
  /** As an SBOM names who makes it. */
  readonly vendor: string;
  /** Path in the image, as published; manifests rely on the entry point. */
  readonly program: string;
  readonly arguments?: readonly string[];
  /** What else of the published image pods rely on: programs of the distribution, at the same place in both. */
  readonly tools?: readonly string[];
  /** The image whose layers lie below: an archive that holds both holds them once. */
  readonly on?: 'envoy';
  /** Where files of Istio's repository lie in the image. */
  readonly istioFiles?: Readonly<Record<string, string>>;
}

const published = {
  envoy: {
    reference: 'envoyproxy/envoy:v$version',
    vendor: 'envoyproxy',
    program: 'usr/local/bin/envoy',
    // Published on Ubuntu. The template envoy begins its drain by them, as others do in their preStop.
    tools: ['/bin/bash', '/bin/sleep'],
  },
  'spire-server': {
    reference: 'ghcr.io/spiffe/spire-server:$version',
    vendor: 'spiffe',
    program: 'opt/spire/bin/spire-server',
    arguments: ['run'],
  },
  'spire-agent': {
    reference: 'ghcr.io/spiffe/spire-agent:$version',
    vendor: 'spiffe',
    program: 'opt/spire/bin/spire-agent',
    arguments: ['run'],
  },
  'spire-controller-manager': {
    reference: 'ghcr.io/spiffe/spire-controller-manager:$version',
    vendor: 'spiffe',
    program: 'spire-controller-manager',
  },
  'spiffe-csi-driver': {
    reference: 'ghcr.io/spiffe/spiffe-csi-driver:$version',
    vendor: 'spiffe',
    program: 'spiffe-csi-driver',
  },
  // A program of ours that does the part of it that a CSI driver needs, and has no version of its own.
  'csi-registrar': {
    reference: 'registry.k8s.io/sig-storage/csi-node-driver-registrar:v2.13.0',
    vendor: 'svidecar',
    program: 'csi-node-driver-registrar',
  },
  'pilot-discovery': {
    reference: 'docker.io/istio/pilot:$version.0',
    vendor: 'istio',
    program: 'usr/local/bin/pilot-discovery',
  },
  // Istio's proxy: pilot-agent, and stock Envoy where Istio publishes a build of its own.
  'pilot-agent': {
    reference: 'docker.io/istio/proxyv2:$version.0',
    vendor: 'istio',
    program: 'usr/local/bin/pilot-agent',
    on: 'envoy',
    // istio-init's rules, where Istio is told to make them by nftables.
    tools: ['/usr/sbin/nft'],
    istioFiles: {
      'var/lib/istio/envoy/envoy_bootstrap_tmpl.json':
        'tools/packaging/common/envoy_bootstrap.json',
    },
  },
  coredns: {
    reference: 'registry.k8s.io/coredns/coredns:v$version',
    vendor: 'coredns',
    program: 'coredns',
  },
} as const satisfies Readonly<Record<string, Published>>;

type Component = keyof typeof published;
export type StandIn = Component | 'busybox';

// The table's own keys.
const components = Object.keys(published) as readonly Component[];
export const standIns: readonly StandIn[] = [...components, 'busybox'];

export function isStandIn(name: string): name is StandIn {
  return standIns.some((known) => known === name);
}

export function standIn(name: StandIn): Contents {
  if (name === 'busybox') return busybox();
  const image: Published = published[name];
  const version = programVersion(name);
  const [repository = '', tag = ''] = image.reference
    .replace('$version', version)
    .split(/:(?=[^:]*$)/);
  const binary = programPath(name);
  const runtime = {
    name,
    version,
    vendor: image.vendor,
    binary,
    architecture: ownArchitecture,
  };
  return {
    ...layersOf(image, withRuntime(runtime, image.program, image.tools)),
    repository,
    tag,
    description: `${name}, from the pinned component; stands in for the published image.`,
    license: 'Apache-2.0',
    arguments: image.arguments ?? [],
    environment: {},
    packages: [],
  };
}

/** What the program is, with what lies beside it, on what lies below. */
function layersOf<Own extends Pick<Contents, 'layers' | 'libraries'>>(
  { on, istioFiles = {} }: Published,
  own: Own,
): Own {
  if (on === undefined) return own;
  const below = standIn(on);
  const files = Object.entries(istioFiles).map(([path, source]) =>
    from(path, join(programPath('istio-files'), source), 0o644),
  );
  return {
    ...own,
    layers: [...below.layers, [...own.layers.flat(), ...files]],
    libraries: [...below.libraries, ...own.libraries],
  };
}

/**
 * The distribution's, static, under a name and a tag of ours. It sleeps, so that it also is the container that holds a
 * pod's namespaces; a shell and all applets are there for tests: `/bin/busybox sh -c …`.
 */
function busybox(): Contents {
  const binary = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim();
  const [line = ''] = execFileSync(binary, ['--help'], { encoding: 'utf8' }).split('\n');
  const version = /v(\S+)/.exec(line)?.[1] ?? 'unknown';
  return {
    ...withRuntime(
      { name: 'busybox', version, vendor: 'busybox', binary, architecture: ownArchitecture },
      'bin/busybox',
    ),
    repository: 'svidecar/busybox',
    tag: 'local',
    description: 'BusyBox, from the distribution: holds the namespaces of pods, and serves tests.',
    license: 'GPL-2.0-only',
    arguments: ['sleep', 'infinity'],
    environment: {},
    packages: [],
  };
}
