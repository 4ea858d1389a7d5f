/** A Workload API whose answers a test decides, call by call. Kept honest by the tests against the embedded one. */
import type {
  CallFailure,
  CallOptions,
  JwtBundles,
  JwtSvid,
  JwtSvidRequest,
  Observer,
  CallOutcome,
  Watch,
  WorkloadApi,
  X509Bundles,
  X509Svids,
} from '../../sidecar/workload-api/api.ts';

export interface FetchCall {
  readonly request: JwtSvidRequest;
  readonly options: CallOptions;
  answer(outcome: CallOutcome<readonly JwtSvid[]>): void;
}

/** The streams of one kind, as a test drives them. */
class FakeStream<T> {
  /** How often it was opened. */
  opened = 0;
  observer: Observer<T> | undefined;

  readonly watch: Watch<T> = (observer) => {
    this.opened++;
    this.observer = observer;
    return () => {
      this.observer = undefined;
    };
  };

  send(message: T): void {
    this.observer?.onMessage(message);
  }

  end(failure: CallFailure): void {
    const observer = this.observer;
    this.observer = undefined;
    observer?.onEnd(failure);
  }
}

export class FakeWorkloadApi implements WorkloadApi {
  readonly address = 'unix:///fake.sock';
  readonly fetches: FetchCall[] = [];
  readonly jwtBundles = new FakeStream<JwtBundles>();
  readonly x509Svids = new FakeStream<X509Svids>();
  readonly x509Bundles = new FakeStream<X509Bundles>();
  readonly watchJwtBundles = this.jwtBundles.watch;
  readonly watchX509Svids = this.x509Svids.watch;
  readonly watchX509Bundles = this.x509Bundles.watch;

  fetchJwtSvids(
    request: JwtSvidRequest,
    options: CallOptions,
  ): Promise<CallOutcome<readonly JwtSvid[]>> {
    return new Promise((resolve) => {
      this.fetches.push({ request, options, answer: resolve });
    });
  }

  close(): void {
    // Nothing is open.
  }

  /** The last call of FetchJWTSVID. */
  get lastFetch(): FetchCall {
    const last = this.fetches.at(-1);
    if (last === undefined) throw new TypeError('nothing was asked for');
    return last;
  }
}
