/** The requests that `svidecar dev` shows: one that passes, and three that are refused. */
import type { LocalDataPath } from './local-data-path.ts';
import type { SceneName } from './way-model.ts';

export interface Scene {
  readonly scene: SceneName;
  readonly title: string;
  readonly why: string;
  /** Whether the caller's own Envoy is asked, and not the callee's from outside. */
  readonly isThroughCaller: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

export const scenes: readonly Scene[] = [
  {
    scene: 'own-envoy',
    title: 'frontend asks backend through its own Envoy',
    why: 'frontend’s helper put a JWT-SVID into the request; backend’s helper found it valid and meant for backend.',
    isThroughCaller: true,
  },
  {
    scene: 'no-token',
    title: 'somebody asks backend’s Envoy without a token',
    why: 'there was no proof of identity, so the request never reached the app.',
    isThroughCaller: false,
  },
  {
    scene: 'no-real-token',
    title: 'somebody brings something that is no token',
    why: 'the credential is not a JWT-SVID of this trust domain.',
    isThroughCaller: false,
    headers: { authorization: 'Bearer not.a.token' },
  },
  {
    scene: 'own-credential',
    title: 'the frontend app tries to send a credential of its own',
    why: 'with svidecar.dev/authorization: deny, the default, a caller cannot choose what identity it shows.',
    isThroughCaller: true,
    headers: { authorization: 'Bearer mine' },
  },
];

export function sceneUrl({ isThroughCaller }: Scene, path: LocalDataPath): string {
  return `${isThroughCaller ? path.outbound : path.inbound}/balance`;
}

/** As one would type it; the credentials in it are none. */
export function sceneCommand(scene: Scene, path: LocalDataPath): string {
  const headers = Object.entries(scene.headers ?? {}).map(
    ([name, value]) => ` -H '${name}: ${value}'`,
  );
  return `curl${headers.join('')} ${sceneUrl(scene, path)}`;
}
