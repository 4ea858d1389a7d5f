/**
 * A list of bans in a ConfigMap. Nothing that another writes meanwhile is lost: the API server refuses a change of an
 * older version, and the change is made anew.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { AppError } from '#kernel/errors.ts';
import { backOffMs, type BackOff } from '#kernel/back-off.ts';
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { setMember } from '#kernel/members.ts';
import { ApiRefusal, type KubernetesApi } from '../../webhook/kube/kubernetes-api.ts';
import { pathOf, readOne } from '../../webhook/kube/read-list.ts';
import type { ListHome } from './list-store.ts';
import { full } from './list-text.ts';

export interface ConfigMapPlace {
  readonly namespace: string;
  readonly name: string;
  /** Of `data`: `bans.jsonl`. */
  readonly key: string;
}

/** What the API server allows for all values together. @see core/v1 ConfigMap.data, MaxSecretSize */
const maxBytes = 1024 * 1024;
/** Tries of one change: each that is lost means that another writer was served. */
const tries = 20;
const defaultRetries: BackOff = { firstMs: 10, factor: 2, limitMs: 500, jitter: 0.9 };
/** Milliseconds for one change or reading: after them something hangs. */
const deadlineMs = 60_000;
/** Milliseconds until the list is read again where it cannot be watched. */
const lookMs = 2_000;
/** Seconds after which the server ends a watch. */
const watchS = 300;

const source = { apiVersion: 'v1', resource: 'configmaps' } as const;
const conflict = 409;
const notFound = 404;
const forbidden = 403;

export class ConfigMapHome implements ListHome {
  readonly name: string;
  readonly #api: KubernetesApi;
  readonly #place: ConfigMapPlace;
  readonly #retries: BackOff;
  readonly #closed = new AbortController();
  /** Of the object that was read last. */
  #version: string | undefined;

  constructor(api: KubernetesApi, place: ConfigMapPlace, retries = defaultRetries) {
    this.name = `ConfigMap ${place.namespace}/${place.name} ${place.key}`;
    this.#api = api;
    this.#place = place;
    this.#retries = retries;
  }

  async read(): Promise<string> {
    return this.#textIn(await this.#find(this.#deadline()));
  }

  async change(edit: (text: string) => string | undefined): Promise<void> {
    const signal = this.#deadline();
    for (let lost = 0; lost < tries; lost += 1) {
      const object = await this.#find(signal);
      const text = edit(this.#textIn(object));
      if (text === undefined || (await this.#wrote(object, text, signal))) return;
      await wait(backOffMs(this.#retries, lost, Math.random()), undefined, { signal });
    }
    const words = `others changed it ${tries} times meanwhile; try again`;
    throw new AppError('BAN_STORE_UNREACHABLE', `${this.name}: ${words}`);
  }

  async changed(signal: AbortSignal): Promise<void> {
    const found = new AbortController();
    const either = AbortSignal.any([signal, found.signal, this.#closed.signal]);
    const onEvent = ({ type }: { readonly type: string }): void => {
      if (type !== 'BOOKMARK') found.abort();
    };
    const call = { path: this.#watchPath(), signal: either, onOpen: () => undefined, onEvent };
    try {
      await this.#api.watch(call);
    } catch {
      // Woken, not wanted any more, not allowed to watch, or away: the next reading tells.
      await wait(lookMs, undefined, { signal: either }).catch(() => undefined);
    }
  }

  close(): void {
    this.#closed.abort();
  }

  #deadline(): AbortSignal {
    return AbortSignal.any([AbortSignal.timeout(deadlineMs), this.#closed.signal]);
  }

  #textIn(object: JsonObject | undefined): string {
    return stringAt(objectAt(object, 'data'), this.#place.key) ?? '';
  }

  async #find(signal: AbortSignal): Promise<JsonObject | undefined> {
    const { namespace, name } = this.#place;
    try {
      const object = await readOne(this.#api, pathOf(source, namespace, name), signal);
      this.#version = stringAt(objectAt(object, 'metadata'), 'resourceVersion');
      return object;
    } catch (thrown) {
      throw this.#failure('get', thrown);
    }
  }

  /** False where another was faster. */
  async #wrote(
    before: JsonObject | undefined,
    text: string,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { namespace, name, key } = this.#place;
    const data: Record<string, string> = {};
    const texts = Object.entries(objectAt(before, 'data'));
    for (const [other, value] of texts)
      if (typeof value === 'string') setMember(data, other, value);
    setMember(data, key, text);
    this.#checkSize(data, objectAt(before, 'binaryData'));
    try {
      if (before === undefined) {
        const metadata = { namespace, name };
        const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
        await this.#api.create(pathOf(source, namespace), object, signal);
      } else await this.#api.replace(pathOf(source, namespace, name), { ...before, data }, signal);
      return true;
    } catch (thrown) {
      const isLost =
        thrown instanceof ApiRefusal &&
        (thrown.status === conflict || (thrown.status === notFound && before !== undefined));
      if (isLost) return false;
      throw this.#failure(before === undefined ? 'create' : 'update', thrown);
    }
  }

  /** @throws {AppError} BAN_STORE_FULL */
  #checkSize(data: Readonly<Record<string, string>>, binary: JsonObject): void {
    let bytes = 0;
    for (const text of Object.values(data)) bytes += Buffer.byteLength(text);
    for (const base64 of Object.values(binary))
      if (typeof base64 === 'string') bytes += Buffer.byteLength(base64, 'base64');
    if (bytes > maxBytes) throw full(this.name, '1 MiB, as each ConfigMap');
  }

  #failure(verb: string, thrown: unknown): unknown {
    const { namespace, name } = this.#place;
    if (!(thrown instanceof ApiRefusal)) return thrown;
    const { status, said } = thrown;
    if (status === forbidden) {
      const words = `not allowed to ${verb} it: this needs the verb "${verb}" on ConfigMaps there (${said})`;
      return new AppError('CLUSTER_FORBIDDEN', `ConfigMap ${namespace}/${name}: ${words}`);
    }
    if (status === notFound) {
      const words = `namespace "${namespace}" is not there; choose another (-n)`;
      return new AppError('OBJECT_NOT_FOUND', `ConfigMap ${name}: ${words}`);
    }
    const words = `the API server refused to ${verb} it: ${said}`;
    return new AppError('BAN_STORE_UNREACHABLE', `ConfigMap ${namespace}/${name}: ${words}`);
  }

  #watchPath(): string {
    const query = new URLSearchParams({
      watch: 'true',
      fieldSelector: `metadata.name=${this.#place.name}`,
      allowWatchBookmarks: 'true',
      timeoutSeconds: `${watchS}`,
    });
    if (this.#version !== undefined) query.set('resourceVersion', this.#version);
    return `${pathOf(source, this.#place.namespace)}?${query.toString()}`;
  }
}
