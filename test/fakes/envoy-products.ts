/** Envoy configurations in which each of many things has to do with all others: they end at a number of steps. */
import {
  type Shape,
  http,
  times,
  router,
  manager,
  tcpProxy,
  chain,
  address,
  firstPort,
  listener,
  cluster,
  remote,
  bootstrap,
  route,
  hosts,
  shared,
  sharing,
  alone,
  toCluster,
  rewriting,
  row,
} from './envoy-parts.ts';

/** Ways that lead to one another, and hosts by routes: each of them can be asked about all others. */
const steps = 'listeners_lead_too_far';
const hostsByRoutes = 'too_many_hosts';

interface Product {
  readonly shape: Shape;
  /** At which it is refused. */
  readonly size: number;
  readonly reason: string;
}

export const products: Readonly<Record<string, Product>> = {
  'listeners with routes of their own × shared routes': {
    shape: (count) =>
      sharing(count, hosts(rewriting(count)), {
        listenerAt: (index) =>
          listener(index, [
            chain(manager({ ...shared, route_config: hosts([route({ cluster: 'c1' })]) })),
          ]),
      }),
    size: 900,
    reason: steps,
  },
  'listeners that also end in TCP × shared routes': {
    shape: (count) =>
      sharing(count, hosts(toCluster(count)), {
        listenerAt: (index) =>
          listener(index, [chain(manager(shared)), chain(tcpProxy(`c${index}`))]),
      }),
    size: 900,
    reason: steps,
  },
  'listeners with another end × shared routes': {
    shape: (count) =>
      sharing(count, hosts(toCluster(count)), {
        listenerAt: (index) => {
          const end = { name: 'end', typed_config: { '@type': `${http}.lua.v3.Lua` } };
          const http_filters = [router, end];
          return listener(index, [chain(manager({ ...shared, http_filters }))]);
        },
      }),
    size: 900,
    reason: steps,
  },
  'connection managers in a row': {
    shape: (count) =>
      alone(
        row(count, (next) => manager({ route_config: hosts([route({ cluster: `c${next}` })]) })),
      ),
    size: 900,
    reason: steps,
  },
  'listeners that all lead to one with many routes': {
    shape: (count) =>
      alone(
        bootstrap(
          [
            ...times(count, (i) =>
              listener(i, [chain(manager({ route_config: hosts([route({ cluster: `last` })]) }))]),
            ),
            listener(count, [chain(manager({ route_config: hosts(toCluster(count)) }))]),
          ],
          [...times(count, remote), cluster('last', [address(firstPort + count)])],
        ),
      ),
    size: 900,
    reason: steps,
  },
  'clusters that are made of all others': {
    shape: (count) =>
      alone(
        bootstrap(
          times(count, (i) => listener(i, [chain(tcpProxy(`g${i}`)), chain(manager())])),
          times(count, (i) => ({
            name: `g${i}`,
            cluster_type: {
              name: 'x',
              typed_config: {
                '@type': 'x/envoy.extensions.clusters.aggregate.v3.ClusterConfig',
                clusters: [`g${i + 1}`, `c${i}`],
              },
            },
          })),
        ),
      ),
    size: 900,
    reason: steps,
  },
  'virtual hosts × domains': {
    shape: (count) =>
      alone(
        bootstrap(
          [
            listener(0, [
              chain(
                manager({
                  route_config: {
                    virtual_hosts: [
                      {
                        name: 'all',
                        domains: times(count, (i) => `*.d${i}.test`),
                        routes: rewriting(count),
                      },
                      ...times(count, (i) => ({
                        name: `v${i}`,
                        domains: [`v${i}.test`, `*${i}.hosts.test`],
                        routes: rewriting(1),
                      })),
                    ],
                  },
                }),
              ),
            ]),
          ],
          [remote(0)],
        ),
      ),
    size: 900,
    reason: hostsByRoutes,
  },
  'clusters that take the host of their endpoints': {
    shape: (count) =>
      sharing(count, hosts(times(count, () => route({ cluster: 'c', auto_host_rewrite: true }))), {
        clusters: [
          cluster(
            'c',
            times(count, (i) => address(443, `e${i}.test`)),
          ),
        ],
      }),
    size: 900,
    reason: hostsByRoutes,
  },
};
