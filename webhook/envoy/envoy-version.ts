/** Versions of Envoy, as images and templates name them. */
import { afterLast, before } from '#kernel/text.ts';

export interface EnvoyVersion {
  readonly major: number;
  readonly minor: number;
}

/** `1.33`, `v1.33.0`, `1.33-latest`. */
export function parseVersion(text: string): EnvoyVersion | undefined {
  const [, major, minor] =
    /^v?(\d{1,3})\.(\d{1,3})(?:\.\d+)?(?:-[A-Za-z0-9.-]+)?$/.exec(text) ?? [];
  if (major === undefined || minor === undefined) return undefined;
  return { major: Number(major), minor: Number(minor) };
}

/**
 * The version that an image's tag names: `envoyproxy/envoy:v1.33.0`, `envoy:distroless-v1.33-latest`,
 * `registry:5000/envoy-contrib:v1.33.0@sha256:…`. Undefined where it is unknown: a digest alone, a tag of another kind,
 * an image not named envoy, or a version that no Envoy has.
 */
export function versionOfImage(image: string): EnvoyVersion | undefined {
  const [base = '', tag = '', ...more] = afterLast(before(image, '@'), '/').split(':');
  if (more.length > 0) return undefined;
  if (!/^envoy(?:-[a-z0-9-]+)?$/.test(base)) return undefined;
  const version = parseVersion(tag.replace(/^(?:[a-z]+-)+(?=v?\d)/, ''));
  // All Envoys so far are 1.x; another number is a custom version.
  return version?.major === 1 ? version : undefined;
}

export function isOlder(version: EnvoyVersion, than: EnvoyVersion): boolean {
  return version.major === than.major ? version.minor < than.minor : version.major < than.major;
}

export function versionText({ major, minor }: EnvoyVersion): string {
  return `${major}.${minor}`;
}
