/** One client's stream of secret discovery, in either variant of the protocol: messages in, messages out. */
import { readDeltaRequest, readStateRequest } from './read-request.ts';
import type { Secrets } from './secrets.ts';
import { Subscription } from './subscription.ts';
import { jointVersion } from './secret-version.ts';
import {
  deltaResponse,
  secretTypeUrl,
  stateResponse,
  type SecretResource,
  type ResponseHead,
} from './write-response.ts';

/** What a message changed. */
export type Taken =
  | { readonly kind: 'taken' }
  /** The client did not accept what it was sent under these names. */
  | { readonly kind: 'refused'; readonly names: readonly string[] }
  /** The stream must end: this breaks the protocol. @property words ASCII */
  | { readonly kind: 'fault'; readonly words: string };

export interface Push {
  readonly message: Buffer;
  readonly resources: readonly SecretResource[];
}

/** Names on one stream; Envoy opens a stream for each name. */
const maxNames = 64;
/** Characters: an audience of 512 and a SPIFFE ID of 2,048 in the longest encoding. */
const maxNameLength = 16_384;
/** Characters of all names on one stream. */
const maxNamesLength = 65_536;

const taken: Taken = { kind: 'taken' };

/**
 * What both variants have in common: one response at a time, which bounds what a slow client can make us hold. Each
 * carries all that is due when it is sent. So a client that owes no answer has no token that ended; one that does can
 * have such as ended since that response, and is told with the next one, right after its answer. A second response
 * would not reach it sooner: it would be read behind the first.
 */
abstract class Stream {
  protected readonly subscription = new Subscription();
  protected isFirst = true;
  #nonce = 0;

  /** Names that are wanted. */
  get names(): readonly string[] {
    return this.subscription.names;
  }

  /** Unix seconds at which `next` has something to say even if nothing happens; undefined: never. */
  get lapsesAtS(): number | undefined {
    return this.subscription.lapsesAtS;
  }

  /** The response that is due now and counts as sent; undefined: none, or the last one is not answered yet. */
  next(secrets: Secrets, nowS: number): Push | undefined {
    if (this.subscription.isAwaitingAnswer) return undefined;
    const resources = this.subscription.due(secrets, nowS);
    if (resources.length === 0) return undefined;
    this.#nonce += 1;
    this.subscription.send(resources);
    // Of all that the client then holds: with state of the world it is what a client names when it comes back.
    const version = jointVersion(this.subscription.versions);
    const message = this.write({ version, nonce: String(this.#nonce) }, resources);
    return { message, resources };
  }

  /** Takes an acceptance or a refusal. A nonce that is not the last one answers something long gone. */
  protected answer({ nonce, isRefusal }: { nonce: string; isRefusal: boolean }): Taken {
    if (nonce !== String(this.#nonce) || !this.subscription.isAwaitingAnswer) return taken;
    if (isRefusal) return { kind: 'refused', names: this.subscription.refuse() };
    this.subscription.accept();
    return taken;
  }

  protected subscribe(name: string, held: string | undefined): Taken {
    if (name.length > maxNameLength) return fault('a resource name is too long');
    this.subscription.add(name, held);
    const { names } = this.subscription;
    if (names.length > maxNames) return fault(`a stream may have ${maxNames} resource names`);
    const length = names.reduce((sum, one) => sum + one.length, 0);
    return length > maxNamesLength ? fault('the resource names are too long') : taken;
  }

  abstract take(message: Buffer): Taken;
  protected abstract write(head: ResponseHead, resources: readonly SecretResource[]): Buffer;
}

export type DiscoveryStream = Stream;

/** State of the world: each request names all that is wanted. */
export class StateStream extends Stream {
  override take(message: Buffer): Taken {
    const request = readStateRequest(message);
    if (request === undefined) return unreadable;
    if (!isOurs(request.typeUrl)) return otherType;
    // A client that answers an older response has not seen the newest one; it will name its resources again.
    const result = this.answer(request);
    const held = this.isFirst && request.version !== '' ? request.version : undefined;
    this.isFirst = false;
    const wanted = new Set(request.names);
    for (const name of this.names) if (!wanted.has(name)) this.subscription.remove(name);
    for (const name of wanted) {
      const added = this.subscribe(name, held);
      if (added.kind === 'fault') return added;
    }
    return result;
  }

  protected override write(head: ResponseHead, resources: readonly SecretResource[]): Buffer {
    return stateResponse(head, resources);
  }
}

/** Incremental: requests add names and take them away. */
export class DeltaStream extends Stream {
  override take(message: Buffer): Taken {
    const request = readDeltaRequest(message);
    if (request === undefined) return unreadable;
    if (!isOurs(request.typeUrl)) return otherType;
    const result = this.answer(request);
    for (const name of request.unsubscribe) this.subscription.remove(name);
    for (const name of request.subscribe) {
      this.subscription.ask(name);
      const held = this.isFirst ? request.versions.get(name) : undefined;
      const added = this.subscribe(name, held === '' ? undefined : held);
      if (added.kind === 'fault') return added;
    }
    this.isFirst = false;
    return result;
  }

  protected override write(head: ResponseHead, resources: readonly SecretResource[]): Buffer {
    return deltaResponse(head, resources);
  }
}

const unreadable = fault('the message is not a discovery request');
const otherType = fault('only secrets are served here');

/** The service says which type it serves, so a client may leave it out. */
function isOurs(typeUrl: string): boolean {
  return typeUrl === '' || typeUrl === secretTypeUrl;
}

function fault(words: string): Taken {
  return { kind: 'fault', words };
}
