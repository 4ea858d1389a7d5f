/** What one HTTP filter of a list does with a request, as far as its configuration shows. */
import { type Json, isArray, isObject } from '#kernel/json.ts';
import { type TypedMessage, anyField, anyOf } from './any-config.ts';
import { type FilterEffect, authzFilterType, effectOf, terminalTypes } from './http-filters.ts';
import { type Placed, fieldOf, placedField, repeatedOf, textOf } from './proto-field.ts';
import { isOn, isSet } from './proto-scalar.ts';

export interface Judgement {
  readonly effect: FilterEffect | 'unknown';
  /** Why, as a clause that continues the filter's name. */
  readonly because: string;
}

const skipType = 'envoy.extensions.filters.common.matcher.action.v3.SkipFilter';
const executeType = 'envoy.extensions.filters.http.composite.v3.ExecuteFilterAction';

/** In this order: a filter that answers by itself matters most. */
const weightiest: readonly Judgement['effect'][] = [
  'elsewhere',
  'unknown',
  'code',
  'asks',
  'signs',
  'rewrites',
  'watches',
  'passes',
];

/** What routes make filters do that run others, by the filter's name. */
export interface Choosing {
  readonly choices: ReadonlyMap<string, readonly Judgement[]>;
}

/**
 * All that a filter does, what matters most first: one that runs others does what each of them does.
 * @param routes those that may set something for the filter
 */
export function judgeFilter(
  filter: Placed,
  routes: readonly Choosing[],
): readonly [Judgement, ...Judgement[]] {
  const config = anyField(filter, 'typed_config');
  if (config === undefined) return [discovered];
  if (effectOf(config.type) !== 'holds') return byWeight(judgeConfig(config));
  const name = textOf(filter.message, 'name') ?? '';
  const chosen = routes.flatMap(({ choices }) => choices.get(name) ?? []);
  const isChosen = routes.some(({ choices }) => choices.has(name));
  if (!isChosen) return byWeight(judgeConfig(config));
  const because = 'runs other filters, which single routes choose';
  return byWeight([{ effect: 'unknown', because }, ...judgeHolder(config), ...chosen]);
}

const discovered: Judgement = {
  effect: 'unknown',
  because: 'gets its configuration from somewhere else (config_discovery)',
};

function byWeight(found: readonly Judgement[]): readonly [Judgement, ...Judgement[]] {
  const [first, ...others] = oneOfEach(found);
  return [first ?? { effect: 'passes', because: words.passes }, ...others];
}

/** Of each effect the first. */
function oneOfEach(found: readonly Judgement[]): readonly Judgement[] {
  return weightiest.flatMap((effect) => found.find((one) => one.effect === effect) ?? []);
}

/** The configurations that a filter consists of: its own, and those of the filters that it runs. */
export function configsOf(filter: Placed): readonly TypedMessage[] {
  const own = anyField(filter, 'typed_config');
  return own === undefined ? [] : withInner(own);
}

function withInner(config: TypedMessage): readonly TypedMessage[] {
  const inner = effectOf(config.type) === 'holds' ? filtersIn(config) : [];
  return [config, ...inner.flatMap((one) => (one === undefined ? [] : withInner(one)))];
}

/** How messages name a filter. */
export function filterTitle({ message }: Placed): string {
  const name = textOf(message, 'name');
  return name === undefined ? 'filter without a name' : `filter "${name}"`;
}

function judgeConfig(config: TypedMessage): readonly Judgement[] {
  const { type } = config;
  const effect = effectOf(type);
  if (effect === 'holds') return judgeHolder(config);
  if (asksByHttp(config)) return [{ effect: 'asks', because: words.asks }];
  if (effect !== undefined) return [{ effect, because: words[effect] }];
  const what = type === undefined ? 'has no type' : `is of the type ${type}`;
  return [{ effect: 'unknown', because: `${what}, which svidecar does not know` }];
}

/** An `ext_authz` over HTTP sends the path that a client has chosen. */
function asksByHttp({ type, message }: TypedMessage): boolean {
  return type === authzFilterType && isSet(message, 'http_service');
}

const words: Readonly<Record<Exclude<FilterEffect, 'holds'>, string>> = {
  passes: 'passes the request on',
  watches: 'hands what it sees to somebody else',
  rewrites: 'may change the path or the host',
  signs: 'writes the Authorization header itself',
  asks: 'sends requests to a server of its own, and answers with what that says',
  elsewhere: 'answers requests, or sends them on, by itself',
  code: 'does what its code or another program says',
};

/** What filters do through those that they run. */
export function judgeHolder(...holders: readonly TypedMessage[]): readonly Judgement[] {
  const inner = holders
    .flatMap((holder) => filtersIn(holder))
    .flatMap((one) => (one === undefined ? [unseen] : judgeInner(one)));
  return oneOfEach(inner).map(({ effect, because }) => ({
    effect,
    because: `runs another filter, which ${because}`,
  }));
}

/** A terminal filter that another filter runs ends the request there: the rest of the list does not run. */
function judgeInner(config: TypedMessage): readonly Judgement[] {
  const own = judgeConfig(config);
  const isTerminal =
    terminalTypes.has(config.type ?? '') || isOn(config.message, 'terminal_filter');
  return isTerminal ? [{ effect: 'elsewhere', because: words.elsewhere }, ...own] : own;
}

const unseen: Judgement = { effect: 'unknown', because: 'cannot be seen here' };

/** Configurations of the filters that a filter runs; undefined for one that cannot be seen. */
function filtersIn(holder: Placed): readonly (TypedMessage | undefined)[] {
  const own = placedField(holder, 'extension_config');
  const chains = [
    ...membersOf(holder, 'named_filter_chains').flatMap((chain) => chainOf(chain, 'typed_config')),
    ...membersOf(holder, 'filter_chains').flatMap((chain) => chainOf(chain, 'filters')),
    ...chainOf(placedField(holder, 'default_filter_chain'), 'filters'),
    ...chainOf(placedField(holder, 'filter_chain'), 'filters'),
  ];
  const actions = ['matcher', 'xds_matcher'].flatMap((field) =>
    actionsIn(fieldOf(holder.message, field) ?? null),
  );
  return [
    ...(own === undefined ? [] : [anyField(own, 'typed_config')]),
    ...chains,
    ...actions.flatMap(filtersOfAction),
  ];
}

function chainOf(chain: Placed | undefined, field: string): readonly (TypedMessage | undefined)[] {
  if (chain === undefined) return [];
  return repeatedOf(chain, field).map((one) => anyField(one, 'typed_config'));
}

/** Values of a map of messages. */
function membersOf(holder: Placed, field: string): readonly Placed[] {
  const map = placedField(holder, field);
  return map === undefined
    ? []
    : Object.keys(map.message).flatMap((key) => placedField(map, key) ?? []);
}

function filtersOfAction(action: TypedMessage): readonly (TypedMessage | undefined)[] {
  if (action.type === skipType) return [];
  if (action.type !== executeType) return [undefined];
  const filter = placedField(action, 'typed_config');
  const chain = chainOf(placedField(action, 'filter_chain'), 'typed_config');
  const isNamed = isSet(action.message, 'filter_chain_name');
  if (filter !== undefined) return [anyField(filter, 'typed_config'), ...chain];
  return chain.length > 0 || isNamed ? chain : [undefined];
}

/** Whatever a tree of matchers ends in. */
function actionsIn(tree: Json): readonly TypedMessage[] {
  if (isArray(tree)) return tree.flatMap(actionsIn);
  if (!isObject(tree)) return [];
  return Object.entries(tree).flatMap(([key, member = null]): readonly TypedMessage[] => {
    if (key !== 'action' || !isObject(member)) return actionsIn(member);
    const config = placedField({ message: member, path: '' }, 'typed_config');
    return config === undefined ? [] : [anyOf(config)];
  });
}
