/** `8443=8080` and `9001=backend.shop:8443 spiffe://…` as people write them, in annotations and on the command line. */
import { spiffeIdFault } from '#kernel/spiffe-id.ts';
import { isIpv4, isIpv6 } from './ip-address.ts';
import { inboundProtocols, type InboundPort, type Upstream } from './proxy-plan.ts';

/** What was read, or what may be written instead: it follows "write". */
export type PortsRead<Value> =
  | { readonly kind: 'read'; readonly value: Value }
  | { readonly kind: 'fault'; readonly allowed: string };

/** Each is a listener and a cluster; a pod with more is a gateway, which has an Envoy configuration of its own. */
const maxPorts = 32;
const maxPort = 65_535;

const inboundForms =
  'pairs of a port to listen on and the app\'s port such as "8443=8080", separated by commas, with tcp: or http2: (gRPC) before a pair where the app does not speak HTTP/1.1';
const upstreamForms =
  'items such as "9001=backend.shop:8443 spiffe://example.org/ns/shop/sa/backend" (local port, host and port, who must answer), separated by commas, with tcp: before an item that is not HTTP';

const pairForm = /^(?:([a-z0-9]+):)?(\d{1,5})=(\d{1,5})$/;
const upstreamForm = /^(?:([a-z0-9]+):)?(\d{1,5})=(\S+):(\d{1,5})\s+(\S+)$/;
/** RFC 1123; a trailing dot keeps a resolver from trying search domains. */
const hostName =
  /^(?=.{1,254}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\.?$/i;

function fault(allowed: string): { readonly kind: 'fault'; readonly allowed: string } {
  return { kind: 'fault', allowed };
}

export function readInbound(text: string): PortsRead<readonly InboundPort[]> {
  return readList(text, inboundForms, inboundOf);
}

export function readUpstreams(text: string): PortsRead<readonly Upstream[]> {
  return readList(text, upstreamForms, upstreamOf);
}

function readList<Item extends { readonly listen: number }>(
  text: string,
  forms: string,
  read: (item: string) => PortsRead<Item>,
): PortsRead<readonly Item[]> {
  const texts = text.split(',').map((item) => item.trim());
  if (texts.length > maxPorts) return fault(`at most ${maxPorts} of them`);
  const items: Item[] = [];
  for (const each of texts) {
    const reading = read(each);
    if (reading.kind === 'fault') return reading;
    const { value } = reading;
    if (items.some(({ listen }) => listen === value.listen))
      return fault(`${forms}; port ${value.listen} is listened on twice`);
    items.push(value);
  }
  return { kind: 'read', value: items };
}

function inboundOf(text: string): PortsRead<InboundPort> {
  const [, named = 'http', listenText, appText] = pairForm.exec(text) ?? [];
  const protocol = inboundProtocols.find((each) => each === named);
  const listen = portOf(listenText);
  const app = portOf(appText);
  if (protocol === undefined || listen === undefined || app === undefined)
    return fault(inboundForms);
  if (listen === app)
    return fault(`${inboundForms}; Envoy cannot listen on the app's own port ${app}`);
  return { kind: 'read', value: { protocol, listen, app } };
}

function upstreamOf(text: string): PortsRead<Upstream> {
  const [, named = 'http', listen, host, port, spiffeId = ''] = upstreamForm.exec(text) ?? [];
  const protocol = named === 'http' || named === 'tcp' ? named : undefined;
  const place = { listen: portOf(listen), host: hostOf(host), port: portOf(port) };
  if (protocol === undefined || !isWhole(place)) return fault(upstreamForms);
  const idFault = workloadFault(spiffeId);
  if (idFault !== undefined) return fault(`${upstreamForms}; of the SPIFFE ID: ${idFault}`);
  return { kind: 'read', value: { protocol, ...place, spiffeId } };
}

type Place = Pick<Upstream, 'listen' | 'host' | 'port'>;

function isWhole(place: { readonly [Key in keyof Place]: Place[Key] | undefined }): place is Place {
  return Object.values(place).every((value) => value !== undefined);
}

function portOf(text: string | undefined): number | undefined {
  const port = Number(text ?? 0);
  return port >= 1 && port <= maxPort ? port : undefined;
}

/** Without the brackets of an IPv6 address. */
function hostOf(text = ''): string | undefined {
  const inner = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : undefined;
  if (inner !== undefined) return isIpv6(inner) ? inner : undefined;
  if (/^[\d.]+$/.test(text)) return isIpv4(text) ? text : undefined;
  return hostName.test(text) ? text.toLowerCase() : undefined;
}

/** A trust domain is nobody in particular. */
function workloadFault(id: string): string | undefined {
  const idFault = spiffeIdFault(id);
  if (idFault !== undefined) return idFault;
  return id.slice('spiffe://'.length).includes('/')
    ? undefined
    : 'it must have a path, which names the workload';
}
