/** A Secret as a folder, as a kubelet mounts it into a pod: all keys swapped at once, some time after the change. */
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { isObject, objectAt, stringAt } from '#kernel/json.ts';
import type { ApiServer } from './api-server.ts';
import { waitUntil } from './processes.ts';

/** Milliseconds between looks. */
const lookMs = 50;

export interface MountedSecret {
  /** Returns when the folder holds what the Secret holds now. */
  follows(): Promise<void>;
  stop(): Promise<void>;
}

interface Mount {
  readonly folder: string;
  readonly namespace: string;
  readonly secret: string;
  /** Milliseconds from a change to the folder; a kubelet takes up to about a minute and a half. */
  readonly delayMs: number;
}

/** Returns when the Secret exists and lies in the folder. */
export async function mountSecret(api: ApiServer, mount: Mount): Promise<MountedSecret> {
  const { folder, delayMs } = mount;
  const path = `/api/v1/namespaces/${mount.namespace}/secrets/${mount.secret}`;
  const ended = new AbortController();
  let shown: string | undefined;

  /** Nothing where there is no such Secret: a kubelet keeps what it has. */
  const stored = async (): Promise<Readonly<Record<string, string>> | undefined> => {
    const { status, body } = await api.request('GET', path);
    if (status !== 200) return undefined;
    const data = objectAt(isObject(body) ? body : {}, 'data');
    return Object.fromEntries(Object.keys(data).map((key) => [key, stringAt(data, key) ?? '']));
  };
  const look = async (): Promise<void> => {
    const data = await stored();
    if (data === undefined || JSON.stringify(data) === shown) return;
    if (shown !== undefined) await wait(delayMs);
    await show(folder, data);
    shown = JSON.stringify(data);
  };
  const follow = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      await look();
      await wait(lookMs);
    }
  };
  const following = follow();
  const follows = async (): Promise<boolean> => {
    const data = await stored();
    return data !== undefined && JSON.stringify(data) === shown;
  };
  const mounted: MountedSecret = {
    follows: () => waitUntil(`${folder} holds the Secret ${mount.secret}`, follows),
    stop: async () => {
      ended.abort();
      await following;
    },
  };
  await mounted.follows();
  return mounted;
}

/** @see k8s.io/kubernetes/pkg/volume/util AtomicWriter: a new folder, and a link that is renamed over the old one */
async function show(folder: string, data: Readonly<Record<string, string>>): Promise<void> {
  const version = `..${process.hrtime.bigint()}`;
  await mkdir(join(folder, version), { recursive: true });
  for (const [key, base64] of Object.entries(data)) {
    await writeFile(join(folder, version, key), Buffer.from(base64, 'base64'));
    await symlink(join('..data', key), join(folder, key)).catch(() => undefined);
  }
  await symlink(version, join(folder, '..data_tmp'));
  await rename(join(folder, '..data_tmp'), join(folder, '..data'));
}
