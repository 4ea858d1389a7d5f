/** The injector's configuration while it is in force: its file is followed, and the last good one stays. */
import { dirname } from 'node:path';
import { AppError } from '#kernel/errors.ts';
import type { Log, MetricFamily } from '#kernel/observe.ts';
import type { Engine } from '../injection/inject.ts';
import { makeEngine } from '../injection/make-engine.ts';
import { readConfig } from '../request/injector-config.ts';
import { followFolder } from './follow-folder.ts';
import { readBuiltInTemplates, readFile, type EngineFiles } from './load-engine.ts';

export interface FollowedConfigOptions {
  readonly files: EngineFiles;
  readonly log: Log;
  /** Is given each new engine. */
  readonly changed: (engine: Engine) => void;
  /** Milliseconds between polls; absent: the usual ones. */
  readonly pollMs?: number;
}

export class FollowedConfig {
  /** Why what the file holds is not in force. */
  #fault: string | undefined;
  #isFollowed = false;

  /** For `/metrics`; without a sample where there is no file. */
  metrics(): readonly MetricFamily[] {
    return [
      {
        name: 'svidecar_configuration_refused',
        help: 'Whether what the configuration file holds is not in force, because it is not valid or cannot be read; the last good one is.',
        type: 'gauge',
        samples: this.#isFollowed ? [{ value: Number(this.#fault !== undefined) }] : [],
      },
    ];
  }

  /** Takes each new text from now on, until `signal` aborts; a fault is logged once. @throws {AppError} FILE_UNREADABLE */
  follow({ files, log, changed, pollMs }: FollowedConfigOptions, signal: AbortSignal): void {
    const { config } = files;
    if (config === undefined) return;
    const builtIn = readBuiltInTemplates(files.templates);
    let lastText = readFile(config);
    /** Of the newest text. */
    let refusal: string | undefined;
    const take = (text: string): void => {
      lastText = text;
      refusal = faultIn(() => {
        changed(makeEngine(readConfig(text, config), builtIn, files));
        log.info({}, 'new configuration in force');
      });
    };
    const look = (): void => {
      const unreadable = faultIn(() => {
        const text = readFile(config);
        if (text !== lastText) take(text);
      });
      this.#become(unreadable ?? refusal, log);
    };
    this.#isFollowed = true;
    followFolder({
      folder: dirname(config),
      look,
      signal,
      ...(pollMs === undefined ? {} : { pollMs }),
    });
  }

  #become(fault: string | undefined, log: Log): void {
    if (fault === this.#fault) return;
    this.#fault = fault;
    if (fault === undefined) log.info({}, 'what the configuration file holds is in force again');
    else log.error({ fault }, 'new configuration rejected, the last good one stays in use');
  }
}

/** @throws what is no {@link AppError} */
function faultIn(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof AppError)) throw thrown;
    return thrown.message;
  }
}
