/** Pods of both data paths on one machine: injected by the shipped templates, each with a real helper and a real Envoy. */
import { readSettings } from '../../../sidecar/config/settings.ts';
import { startEnvoy } from '../harness/envoy.ts';
import { freePort } from '../harness/free-port.ts';
import { startHelper, type HelperProcess, type HelperSpec } from '../mesh/helper-process.ts';
import { injectPod } from '../mesh/injected-pod.ts';

export const dataPaths = ['ext-authz', 'native'] as const;
export type DataPathName = (typeof dataPaths)[number];

export interface PodSpec {
  readonly name: string;
  readonly dataPath: DataPathName;
  /** Without the one for the data path. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Port of the app. */
  readonly app: number;
  readonly helper: Pick<HelperSpec, 'folder' | 'uid' | 'workloadApi'> & {
    /** Default: node. */
    readonly runtime?: HelperSpec['runtime'];
  };
}

export interface Pod {
  /** Listener for requests that go out (to the pod's own way in) and for those that come in (to the app). */
  readonly out: number;
  readonly in: number;
  readonly helper: HelperProcess;
  /** A new helper in the place of one that was stopped. */
  restartHelper(): Promise<void>;
  stop(): Promise<void>;
}

/** Returns once Envoy listens. */
export async function startPod(spec: PodSpec): Promise<Pod> {
  const ports = { out: await freePort(), in: await freePort() };
  const { settings, envoy: text } = injected(spec, ports);
  const { rules, dataPath } = readSettings(settings, spec.name);
  const name = `${spec.name}-${spec.dataPath}`;
  const told = { runtime: 'node' as const, ...spec.helper, name, rules, dataPath };
  let helper = await startHelper(told);
  const moved = text.replaceAll(/("port_value": ?|port_value: )9010\b/g, `$1${helper.port}`);
  const envoy = await startEnvoy(moved, { args: ['--concurrency', '1'] });
  const { port } = helper;
  return {
    ...ports,
    get helper() {
      return helper;
    },
    restartHelper: async () => {
      helper = await startHelper({ ...told, port });
    },
    stop: async () => {
      await Promise.all([envoy.stop(), helper.stop()]);
    },
  };
}

/** What the webhook makes of it. */
function injected(
  spec: PodSpec,
  ports: { readonly out: number; readonly in: number },
): { readonly settings: string; readonly envoy: string } {
  const { name, dataPath } = spec;
  const annotations = { ...spec.annotations, 'svidecar.dev/data-path': dataPath };
  const files = { 'envoy.yaml': JSON.stringify(bootstrap(spec, ports), null, 2) };
  const pod = injectPod({ name, annotations, files });
  if (typeof pod === 'string') throw new Error(`${name} was not injected: ${pod}`);
  return { settings: pod.settings, envoy: pod.files['envoy.yaml'] ?? '' };
}

/** Two listeners, without a node: one out to the pod's own way in (or straight to the app), one in to the app. */
function bootstrap({ annotations, app }: PodSpec, ports: { out: number; in: number }): object {
  const validates = annotations['inject.svidecar.dev/templates']?.includes('jwt-validate') === true;
  return {
    static_resources: {
      listeners: [listener('OUTBOUND', ports.out, 'onward'), listener('INBOUND', ports.in, 'app')],
      clusters: [cluster('onward', validates ? ports.in : app), cluster('app', app)],
    },
  };
}

const type = (name: string): object => ({ '@type': `type.googleapis.com/envoy.${name}` });

function listener(direction: 'INBOUND' | 'OUTBOUND', port: number, to: string): object {
  const router = {
    name: 'envoy.filters.http.router',
    typed_config: type('extensions.filters.http.router.v3.Router'),
  };
  const header = (key: string, value: string): object => ({ header: { key, value } });
  const manager = {
    ...type('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: direction,
    upgrade_configs: [{ upgrade_type: 'CONNECT' }],
    route_config: {
      // What an access log would show.
      response_headers_to_add: [
        header('x-ext-authz', '%DYNAMIC_METADATA(envoy.filters.http.ext_authz:spiffe_id)%'),
        header('x-native', '%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:svidecar:sub)%'),
      ],
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [
            { match: { connect_matcher: {} }, direct_response: { status: 200 } },
            { match: { prefix: '/' }, route: { cluster: to } },
          ],
        },
      ],
    },
    http_filters: [router],
  };
  return {
    name: direction,
    traffic_direction: direction,
    address: address(port),
    filter_chains: [
      {
        filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }],
      },
    ],
  };
}

function cluster(name: string, port: number): object {
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }];
  return { name, type: 'STATIC', load_assignment: { cluster_name: name, endpoints } };
}

function address(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}
