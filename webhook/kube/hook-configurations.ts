/** Our MutatingWebhookConfigurations: watches and writes the caBundle of each hook. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { ApiRefusal } from './kubernetes-api.ts';
import { ReflectorStore } from './reflector-store.ts';
import { Reflector, type Follower, type ReflectorOptions } from './reflector.ts';

/** The Service that our hooks name: hooks of another installation are ignored. */
export interface ServiceName {
  readonly namespace: string;
  readonly name: string;
}

/** What tells our configurations from those of another installation in the cluster. */
export interface OwnHooks extends ServiceName {
  /** Of the configuration, where its hooks call an address instead of a Service; no label is an empty value. */
  readonly label: { readonly key: string; readonly value: string };
  /** Of the one configuration that says who injects what chooses nobody; without it `isUsual` says whether we do. */
  readonly byDefault: { readonly name: string; readonly isUsual: boolean };
}

export interface HookEntry {
  readonly name: string;
  /** What the API server calls: DNS name or IP address. */
  readonly host: string;
  /** PEM text; empty where nothing is set. */
  readonly caBundle: string;
}

export interface HookConfigurationEntry {
  readonly name: string;
  readonly uid: string;
  readonly version: string;
  readonly hooks: readonly HookEntry[];
  readonly otherWriters: readonly string[];
}

const path = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
/** Every svidecar installation sets it. */
const selector = 'labelSelector=app.kubernetes.io%2Fname%3Dsvidecar';
const ownManager = 'svidecar';
/** How the API server answers when another client was faster, or the object is gone. */
const conflicts: readonly number[] = [404, 409];

export class FollowedHookConfigurations {
  readonly #options: ReflectorOptions;
  readonly #own: OwnHooks;
  readonly #followed = new ReflectorStore<HookConfigurationEntry>();
  readonly #reflector: Reflector<HookConfigurationEntry>;
  #signal: AbortSignal = AbortSignal.abort();

  constructor(own: OwnHooks, options: ReflectorOptions) {
    this.#options = options;
    this.#own = own;
    this.#reflector = new Reflector(
      {
        name: 'mutatingwebhookconfigurations',
        path,
        selector,
        slim: (object) => slimConfiguration(object, own),
        ...this.#followed.sink,
      },
      options,
    );
  }

  /** For `/metrics`. */
  get follower(): Follower {
    return this.#reflector;
  }

  start(signal: AbortSignal): void {
    this.#signal = signal;
    void this.#reflector.run(signal);
  }

  /** Undefined before the first list. */
  current(): readonly HookConfigurationEntry[] | undefined {
    if (!this.#reflector.isSynced) return undefined;
    return this.#followed.all().filter(({ hooks }) => hooks.length > 0);
  }

  /** Whether we inject what chooses nobody, as far as is known. */
  isDefault(): boolean {
    const { name, isUsual } = this.#own.byDefault;
    const said = this.#followed.get(name);
    return said === undefined ? isUsual : said.hooks.length > 0;
  }

  onChange(listener: () => void): () => void {
    const end = this.#followed.onChange(listener);
    void this.#reflector.synced().then(listener);
    return end;
  }

  /** @throws {ApiRefusal | AppError} CLUSTER_UNREACHABLE */
  async writeBundles(
    configuration: Pick<HookConfigurationEntry, 'name' | 'version'>,
    bundles: ReadonlyMap<string, string>,
  ): Promise<'written' | 'conflict'> {
    const { name, version } = configuration;
    const webhooks = [...bundles].map(([hook, text]) => ({
      name: hook,
      clientConfig: { caBundle: Buffer.from(text).toString('base64') },
    }));
    const change = { metadata: { resourceVersion: version }, webhooks };
    try {
      const { api } = this.#options;
      const written = await api.merge(`${path}/${encodeURIComponent(name)}`, change, this.#signal);
      const known = this.#followed.get(name);
      // The response is the newest state, which the rest of this round must see.
      if (known !== undefined) this.#followed.put(renewed(known, written));
      return 'written';
    } catch (thrown) {
      if (thrown instanceof ApiRefusal && conflicts.includes(thrown.status)) return 'conflict';
      throw thrown;
    }
  }
}

/** The hooks known to be ours, with the caBundle that is now set. */
function renewed(known: HookConfigurationEntry, object: JsonObject): HookConfigurationEntry {
  const bundles = new Map(
    webhooksOf(object).map((each) => [stringAt(each, 'name'), bundleOf(each)]),
  );
  const version = stringAt(objectAt(object, 'metadata'), 'resourceVersion') ?? known.version;
  const hooks = known.hooks.map((hook) => ({
    ...hook,
    caBundle: bundles.get(hook.name) ?? hook.caBundle,
  }));
  return { ...known, version, hooks };
}

function slimConfiguration(object: JsonObject, own: OwnHooks): HookConfigurationEntry | undefined {
  const metadata = objectAt(object, 'metadata');
  const label = stringAt(objectAt(metadata, 'labels'), own.label.key) ?? '';
  const all = webhooksOf(object);
  const hooks = all.flatMap((each): HookEntry[] => {
    const host = hostOf(objectAt(each, 'clientConfig'), own, label === own.label.value);
    if (host === undefined) return [];
    return [{ name: stringAt(each, 'name') ?? '', host, caBundle: bundleOf(each) }];
  });
  const name = stringAt(metadata, 'name') ?? '';
  // Of others only the one is kept that says who is the default; without hooks it says nothing.
  if (hooks.length === 0 && (name !== own.byDefault.name || all.length === 0)) return undefined;
  return {
    name,
    uid: stringAt(metadata, 'uid') ?? '',
    version: stringAt(metadata, 'resourceVersion') ?? '',
    hooks,
    otherWriters: bundleWriters(metadata),
  };
}

function webhooksOf(object: JsonObject): readonly JsonObject[] {
  return listAt(object, 'webhooks').filter(isObject);
}

function bundleOf(webhook: JsonObject): string {
  const base64 = stringAt(objectAt(webhook, 'clientConfig'), 'caBundle') ?? '';
  return Buffer.from(base64, 'base64').toString('utf8');
}

/** @see admissionregistration.k8s.io/v1 WebhookClientConfig; undefined for a hook of another Service */
function hostOf(
  clientConfig: JsonObject,
  service: ServiceName,
  isLabelledOurs: boolean,
): string | undefined {
  const url = stringAt(clientConfig, 'url');
  // Without a Service, only our labels identify the hook.
  if (url !== undefined)
    return isLabelledOurs ? URL.parse(url)?.hostname.replace(/^\[|\]$/g, '') : undefined;
  const named = objectAt(clientConfig, 'service');
  const name = stringAt(named, 'name');
  const namespace = stringAt(named, 'namespace');
  if (name !== service.name || namespace !== service.namespace) return undefined;
  return `${name}.${namespace}.svc`;
}

/** Field managers other than us that own a caBundle. @see meta/v1 ManagedFieldsEntry */
function bundleWriters(metadata: JsonObject): readonly string[] {
  const entries = listAt(metadata, 'managedFields').filter(isObject);
  return entries
    .filter((entry) => JSON.stringify(objectAt(entry, 'fieldsV1')).includes('"f:caBundle"'))
    .map((entry) => stringAt(entry, 'manager') ?? 'unknown')
    .filter((manager) => manager !== ownManager);
}
