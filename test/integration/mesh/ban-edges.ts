/** Three Envoys with a helper each that follow one store of bans, with the rule that validates tokens behind the bans. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { HelperSettingsInput } from '../../../sidecar/config/settings.ts';
import { createAuthority } from '../../../sidecar/stand-ins/jwt-authority.ts';
import {
  startEmbeddedWorkloadApi,
  type EmbeddedWorkloadApi,
} from '../../../sidecar/stand-ins/workload-api.ts';
import { bareToken } from '../../fakes/ban-tokens.ts';
import { startEnvoy, type RunningEnvoy } from '../harness/envoy.ts';
import { freePort } from '../harness/free-port.ts';
import { createWorkFolder, type WorkFolder } from '../harness/work-folder.ts';
import type { HelperRuntime } from '../runtimes.ts';
import { send, startApp, type Answer } from './app.ts';
import { banEnvoy } from './ban-envoy.ts';
import { startHelper, type HelperProcess } from './helper-process.ts';

type RedisStore = Extract<
  Extract<HelperSettingsInput['rules'][number], { mode: 'ban' }>['store'],
  { redis: unknown }
>;

const own = 'spiffe://example.org/ns/shop/sa/backend';
const names = ['a', 'b', 'c'] as const;

export interface BanEdges {
  readonly helpers: readonly HelperProcess[];
  readonly folder: string;
  configure(store: RedisStore): void;
  /** What each Envoy answers to whom a cookie names, with a token of the mesh unless told otherwise. */
  ask(user: string, authorization?: string): Promise<readonly Answer[]>;
  stop(): Promise<void>;
}

interface Parts {
  readonly work: WorkFolder;
  readonly api: EmbeddedWorkloadApi;
  readonly app: Server;
  readonly token: string;
}

export async function startBanEdges(runtime: HelperRuntime, store: RedisStore): Promise<BanEdges> {
  const parts = await startParts(`bans-redis-${runtime}`);
  const { work, api, app, token } = parts;
  const start = (name: string): Promise<HelperProcess> =>
    startHelper({
      runtime,
      folder: work.path,
      name: `${name}-${runtime}`,
      workloadApi: api.address,
      rules: rulesWith(store),
    });
  // The first one makes the bundle.
  const first = await start(names[0]);
  const helpers = [first, ...(await Promise.all(names.slice(1).map(start)))];
  const edges = await Promise.all(helpers.map((helper) => startEdge(helper, parts)));
  return {
    helpers,
    folder: work.path,
    configure: (changed) => {
      for (const helper of helpers) helper.configure(rulesWith(changed));
    },
    ask: (user, authorization = `Bearer ${token}`) => {
      const cookie = `session=${bareToken({ email: user })}`;
      const headers = [
        'cookie',
        cookie,
        ...(authorization === '' ? [] : ['authorization', authorization]),
      ];
      return Promise.all(edges.map(({ port }) => send(port, headers)));
    },
    stop: async () => {
      app.close();
      await Promise.all([
        ...helpers.map((helper) => helper.stop(0)),
        ...edges.map(({ envoy }) => envoy.stop()),
      ]);
      await api.close();
      await work.remove();
    },
  };
}

async function startParts(name: string): Promise<Parts> {
  const work = await createWorkFolder(name);
  const authority = await createAuthority({ trustDomain: 'example.org' });
  const socketPath = join(work.path, 'agent.sock');
  const identities = [{ spiffeId: own }];
  return {
    work,
    api: await startEmbeddedWorkloadApi({ authority, socketPath, identities }),
    app: await startApp(),
    token: await authority.mint({ spiffeId: own, audiences: ['backend'], ttlS: 3_600 }),
  };
}

function rulesWith(store: RedisStore): HelperSettingsInput['rules'] {
  return [
    { name: 'jwt-ban', mode: 'ban', claims: ['email'], cookie: 'session', store },
    { name: 'jwt-validate', mode: 'validate', audiences: ['backend'] },
  ];
}

async function startEdge(
  helper: HelperProcess,
  { app, work }: Parts,
): Promise<{ readonly envoy: RunningEnvoy; readonly port: number }> {
  const port = await freePort();
  const config = banEnvoy({
    listen: port,
    // Listening on loopback on a free port: a number.
    app: (app.address() as AddressInfo).port,
    helper: helper.port,
    folder: work.path,
    validates: true,
  });
  return { envoy: await startEnvoy(config, { args: ['--concurrency', '1'] }), port };
}
