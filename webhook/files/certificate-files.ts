/** The serving certificate from a folder, always the newest good pair. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#kernel/clock.ts';
import { AppError, messageOf } from '#kernel/errors.ts';
import type { CertificateSource, ServingPair } from '../../certs/certificate-ports.ts';
import { checkPair } from '../../certs/serving-pair.ts';
import { followFolder } from './follow-folder.ts';
import type { Log } from '#kernel/observe.ts';

export interface CertificateFilesOptions {
  /** Folder with `tls.crt` and `tls.key`: a mounted Secret, whose symlinks the kubelet swaps. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Milliseconds between polls; the watch alone misses changes on some file systems. */
  readonly pollMs?: number;
}

export class CertificateFiles implements CertificateSource {
  readonly #options: CertificateFilesOptions;
  readonly #listeners = new Set<(pair: ServingPair) => void>();
  #pair: ServingPair | undefined;
  #lastFault: string | undefined;
  #failures = 0;

  constructor(options: CertificateFilesOptions) {
    this.#options = options;
  }

  current(): ServingPair | undefined {
    return this.#pair;
  }

  /** Looks in a row that found no good pair. */
  get failures(): number {
    return this.#failures;
  }

  onChange(listener: (pair: ServingPair) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads the files once, then follows them until `signal` aborts. @throws {AppError} CERTIFICATE_INVALID or FILE_UNREADABLE */
  async start(signal: AbortSignal): Promise<void> {
    await this.#load();
    const { folder, pollMs } = this.#options;
    const look = (): void => void this.look();
    followFolder({ folder, look, signal, ...(pollMs === undefined ? {} : { pollMs }) });
  }

  /** Checks for a newer pair now; a bad one is logged once and the last good one stays in use. */
  async look(): Promise<void> {
    try {
      await this.#load();
      this.#lastFault = undefined;
      this.#failures = 0;
    } catch (thrown) {
      this.#failures += 1;
      const fault = messageOf(thrown);
      if (fault === this.#lastFault) return;
      this.#lastFault = fault;
      this.#options.log.error(
        { fault },
        'new serving certificate rejected, the last good one stays in use',
      );
    }
  }

  async #load(): Promise<void> {
    const [certificate, key] = await Promise.all([this.#read('tls.crt'), this.#read('tls.key')]);
    const before = this.#pair;
    if (before?.certificate === certificate && before.key === key) return;
    const pair = checkPair(certificate, key, this.#options.clock.now() / 1000);
    this.#pair = pair;
    if (before !== undefined) {
      const notAfter = new Date(pair.notAfter * 1000).toISOString();
      this.#options.log.info({ notAfter }, 'serving certificate replaced');
    }
    for (const listener of this.#listeners) listener(pair);
  }

  async #read(name: string): Promise<string> {
    const path = join(this.#options.folder, name);
    try {
      return await readFile(path, 'utf8');
    } catch (thrown) {
      throw new AppError('FILE_UNREADABLE', `cannot read ${path}: ${messageOf(thrown)}`, {
        cause: thrown,
      });
    }
  }
}
