/** Envoy configurations that grow in two ways at once: what takes a product of the two shows in them. */
import {
  type Shape,
  network,
  times,
  router,
  manager,
  tcpProxy,
  chain,
  address,
  listener,
  cluster,
  remote,
  bootstrap,
  route,
  hosts,
  shared,
  sharing,
  alone,
  wrapping,
  perRoute,
  toCluster,
  rewriting,
  handWired,
  dispatching,
  row,
} from './envoy-parts.ts';

export const shapes: Readonly<Record<string, Shape>> = {
  'listeners × shared routes': (count) => sharing(count, hosts(toCluster(count))),
  'listeners × shared routes that rewrite the host': (count) =>
    sharing(count, hosts(rewriting(count))),
  'listeners × shared mirrors': (count) =>
    sharing(count, {
      ...hosts([route({ cluster: 'c0' })]),
      request_mirror_policies: times(count, (i) => ({ cluster: `c${i}` })),
    }),
  'listeners × all route configurations of a file': (count) => ({
    'envoy.yaml': bootstrap(
      times(count, (index) =>
        listener(index, [
          chain(
            manager({
              scoped_routes: {
                rds_config_source: { path: '/etc/envoy/routes.yaml' },
                scoped_rds: { scoped_rds_config_source: { path: '/etc/envoy/routes.yaml' } },
              },
            }),
          ),
        ]),
      ),
      times(count, remote),
    ),
    'routes.yaml': {
      resources: times(count, (i) => ({ name: `r${i}`, ...hosts([route({ cluster: `c${i}` })]) })),
    },
  }),
  'route configurations of one name': (count) => ({
    ...sharing(1, {}),
    'routes.yaml': {
      resources: times(count, () => ({ name: 'shared', ...hosts([route({ cluster: 'c0' })]) })),
    },
  }),
  'listeners × route configurations that come on demand': (count) => ({
    ...sharing(count, {}),
    'routes.yaml': {
      resources: times(count, () => ({
        name: 'shared',
        vhds: {},
        ...hosts([route({ cluster_header: 'x-to' })]),
      })),
    },
  }),
  'listeners × settings of shared routes for their filters': (count) =>
    sharing(
      count,
      hosts([
        route(
          { cluster: 'c0' },
          { typed_per_filter_config: Object.fromEntries(times(count, (i) => [`w${i}`, perRoute])) },
        ),
      ]),
      { listenerAt: (index) => listener(index, [chain(manager(shared, [wrapping(index)]))]) },
    ),
  'filters that run others × routes': (count) =>
    alone(
      bootstrap(
        [
          listener(0, [
            chain(manager({ route_config: hosts(toCluster(count)) }, times(count, wrapping))),
          ]),
        ],
        times(count, remote),
      ),
    ),
  'filters that run others × routes that choose for one name': (count) =>
    alone(
      bootstrap(
        [
          listener(0, [
            chain(
              manager(
                {
                  route_config: hosts(
                    times(count, () =>
                      route({ cluster: 'c0' }, { typed_per_filter_config: { w0: perRoute } }),
                    ),
                  ),
                },
                times(count, () => wrapping(0)),
              ),
            ),
          ]),
        ],
        [remote(0)],
      ),
    ),
  'listeners in a row': (count) => alone(row(count, (next) => tcpProxy(`c${next}`))),
  'listeners × endpoints of one cluster': (count) =>
    alone(
      bootstrap(
        times(count, (i) =>
          listener(i, [chain(manager({ route_config: hosts([route({ cluster: 'c' })]) }))]),
        ),
        [
          cluster(
            'c',
            times(count, (i) => address(1 + i, i === 0 ? 'a.test' : '127.0.0.1')),
          ),
        ],
      ),
    ),
  'listeners × clusters': (count) =>
    alone(
      bootstrap(
        times(count, (i) =>
          listener(i, [
            chain(
              manager({
                route_config: hosts([
                  route({ cluster: `c${i}`, request_mirror_policies: [{ cluster: 'c0' }] }),
                ]),
              }),
            ),
          ]),
        ),
        times(count, remote),
      ),
    ),
  'filter chains with filters in front': (count) =>
    alone(
      bootstrap(
        [
          listener(
            0,
            times(count, () =>
              chain(
                { name: 'r', typed_config: { '@type': `${network}.rbac.v3.RBAC` } },
                manager({ route_config: hosts([route({ cluster: 'c0' })]) }),
              ),
            ),
            { listener_filters: times(count, (i) => ({ name: `f${i}` })) },
          ),
        ],
        [remote(0)],
      ),
    ),
  'listeners that hand over × listeners': (count) =>
    alone(
      bootstrap(
        [
          ...times(count, (i) =>
            listener(i, [chain(manager())], { ...dispatching, traffic_direction: 'OUTBOUND' }),
          ),
          ...times(count, (i) =>
            listener(count + i, [chain(manager())], {
              ...dispatching,
              traffic_direction: 'INBOUND',
            }),
          ),
          ...times(count, (i) => ({
            ...listener(2 * count + i, [chain(tcpProxy('c0'))]),
            address: address(1, '10.0.0.1'),
          })),
        ],
        [remote(0)],
      ),
    ),
  'plug-ins × routes that name them': (count) => plugged(count, (i) => `p${i}`),
  'plug-ins of one name × routes that name it': (count) => plugged(count, () => 'p'),
  'filters wired by hand × clusters': (count) =>
    alone(
      bootstrap(
        times(count, (i) => listener(i, [chain(manager({}, [handWired(0, `c${i}`)]))])),
        times(count, remote),
      ),
    ),
  'filters wired by hand × endpoints of one cluster': (count) =>
    alone(
      bootstrap(
        times(count, (i) => listener(i, [chain(manager({}, [handWired(0, 'c')]))])),
        [
          cluster(
            'c',
            times(count, (i) => address(i === count - 1 ? 9 : 9010)),
          ),
        ],
      ),
    ),
  'clusters that have the names of ours': (count) =>
    alone(
      bootstrap(
        [listener(0, [chain(manager())])],
        times(count, (i) =>
          cluster(`ext-authz${i === 0 ? '' : i === 1 ? '-svidecar' : `-svidecar-${i}`}`, []),
        ),
      ),
    ),
  'upgrades × filters': (count) =>
    alone(
      bootstrap(
        [
          listener(0, [
            chain(
              manager(
                {
                  upgrade_configs: times(count, (i) => ({
                    upgrade_type: `u${i}`,
                    filters: [wrapping(i), router],
                  })),
                  route_config: hosts(toCluster(count)),
                },
                times(count, wrapping),
              ),
            ),
          ]),
        ],
        times(count, remote),
      ),
    ),
  'scopes × filters': (count) =>
    alone(
      bootstrap(
        [
          listener(0, [
            chain(
              manager(
                {
                  scoped_routes: {
                    scoped_route_configurations_list: {
                      scoped_route_configurations: times(count, (i) => ({
                        route_configuration: hosts([route({ cluster: `c${i}` })]),
                      })),
                    },
                  },
                },
                times(count, (i) => handWired(i, 'c0')),
              ),
            ),
          ]),
        ],
        times(count, remote),
      ),
    ),
};

/** Routes that name plug-ins. */
function plugged(count: number, nameAt: (index: number) => string): ReturnType<Shape> {
  const routes = times(count, (i) => route({ cluster_specifier_plugin: nameAt(i) }));
  const plugins = times(count, (i) => ({
    extension: { name: nameAt(i), typed_config: { '@type': 'x/unknown' } },
  }));
  const route_config = { cluster_specifier_plugins: plugins, ...hosts(routes) };
  return alone(bootstrap([listener(0, [chain(manager({ route_config }))])], [remote(0)]));
}
