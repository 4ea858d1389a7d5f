/** Which of the replicas writes to SPIRE: the holder of a Lease, which is sought only while there is something to write. */
import { Lease, type LeaseOptions } from '../../kube/lease.ts';

export class SpireLead {
  readonly #lease: Lease;
  #seeking: AbortController | undefined;

  constructor(options: LeaseOptions) {
    this.#lease = new Lease(options);
  }

  isLeader(): boolean {
    return this.#seeking !== undefined && this.#lease.isLeader();
  }

  onChange(listener: () => void): void {
    this.#lease.onChange(listener);
  }

  /** Begins to seek the Lease, or lets it go. */
  seek(isWanted: boolean): void {
    if (isWanted === (this.#seeking !== undefined)) return;
    this.#seeking?.abort();
    this.#seeking = isWanted ? new AbortController() : undefined;
    if (this.#seeking !== undefined) void this.#lease.run(this.#seeking.signal);
  }
}
