/** What the page of `npm start` and its server say to each other: plain JSON values. No token, and no other secret, is among them. */

export type DataPathName = 'ext-authz' | 'native';
export type SceneName = 'own-envoy' | 'no-token' | 'no-real-token' | 'own-credential';

/** A place that a request passes, in the order of the way. */
export type PlaceName =
  'client' | 'caller-envoy' | 'caller-helper' | 'callee-envoy' | 'callee-helper' | 'app';

/**
 * `passed`: it went on. `refused`: it ended here. `not_reached`: it never came. `not_asked`: nobody asked while the request
 * waited. `not_on_the_way`: the request was sent past it.
 */
export type PlaceState = 'passed' | 'refused' | 'not_reached' | 'not_asked' | 'not_on_the_way';

export interface WayPlace {
  readonly place: PlaceName;
  /** Such as `Envoy of frontend`. */
  readonly title: string;
  readonly state: PlaceState;
  /** What happened there, and why. */
  readonly words: string;
}

/** One request that was really sent, and how far it came. */
export interface RequestWay {
  readonly dataPath: DataPathName;
  readonly scene: SceneName;
  /** As one would type it. */
  readonly command: string;
  /** HTTP status of the answer. */
  readonly status: number;
  readonly body: string;
  readonly tookMs: number;
  readonly places: readonly WayPlace[];
  /** What it shows, in a sentence. */
  readonly why: string;
}

export interface StartScene {
  readonly scene: SceneName;
  readonly title: string;
}

export interface StartDataPath {
  readonly dataPath: DataPathName;
  readonly title: string;
  /** How it works, in a sentence. */
  readonly about: string;
  /** Why it does not run here; absent: it runs. */
  readonly missing?: string;
}

/** The answer to `GET /api/start`. */
export interface StartOverview {
  readonly version: string;
  /** Such as `Envoy 1.40.0`, or what stands in for it and why. */
  readonly envoy: string;
  readonly caller: string;
  readonly callee: string;
  readonly webhook: string;
  readonly dataPaths: readonly StartDataPath[];
  readonly scenes: readonly StartScene[];
}

/** The body of `POST /api/send`; the answer is a {@link RequestWay}, or an object with `error`. */
export interface SendRequest {
  readonly dataPath: DataPathName;
  readonly scene: SceneName;
}
