/** A request to a pod of the mesh by its Service. */
import { askFrom, type PodAnswer } from '../harness/pod-requests.ts';
import { meshNamespace, type MeshPod } from './mesh.ts';

export interface Told {
  readonly token?: string;
  readonly path?: string;
}

export function callPod(
  from: MeshPod,
  to: MeshPod,
  { token, path }: Told = {},
): Promise<PodAnswer> {
  return askFrom(from.network, {
    host: to.clusterIp,
    port: 8080,
    ...(path === undefined ? {} : { path }),
    headers: {
      host: `${to.name}.${meshNamespace}:8080`,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
  });
}
