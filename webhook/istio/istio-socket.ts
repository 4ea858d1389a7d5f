/** Where Istio's proxy looks for SPIRE's socket. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { istioContainer } from './istio-plan.ts';

/** As Istio writes it, and without the link that `/var/run` is. */
const socketFolders = ['/var/run/secrets/workload-spiffe-uds', '/run/secrets/workload-spiffe-uds'];

/** Whether a partial pod gives the proxy that socket, so that it will ask SPIRE for its certificate. */
export function givesIstioTheSocket(pod: JsonObject): boolean {
  return listAt(objectAt(pod, 'spec'), 'containers')
    .filter(isObject)
    .some(
      (container) =>
        stringAt(container, 'name') === istioContainer &&
        listAt(container, 'volumeMounts')
          .filter(isObject)
          .some((mount) => socketFolders.includes(stringAt(mount, 'mountPath') ?? '')),
    );
}
