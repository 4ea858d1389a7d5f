/** Which master of a Redis Cluster has a key. @see Redis Cluster specification, "Key distribution model", "Hash tags" */
import { isArray } from '#kernel/json.ts';
import type { RedisAddress } from '../config/redis-settings.ts';
import type { RedisReply } from './store-connection.ts';

const slotCount = 16_384;
/** No master has it. */
const nobody = 0xffff;
/** More nodes than a cluster is meant to have. */
const mostMasters = 1_000;

export interface ClusterMap {
  readonly masters: readonly RedisAddress[];
  /** The place in `masters` of the one that has the key; undefined: none has. */
  readonly masterOf: (key: string) => number | undefined;
}

/** CRC16/XMODEM of the key, or of its hash tag. */
export function keySlot(key: string): number {
  const open = key.indexOf('{');
  const close = open === -1 ? -1 : key.indexOf('}', open + 1);
  const hashed = close > open + 1 ? key.slice(open + 1, close) : key;
  let crc = 0;
  for (const byte of Buffer.from(hashed, 'utf8')) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1)
      crc = (crc & 0x8000) === 0 ? (crc << 1) & 0xffff : ((crc << 1) ^ 0x1021) & 0xffff;
  }
  return crc % slotCount;
}

/**
 * From the answer to CLUSTER SLOTS; undefined for another answer. A master is told by its address, which may be
 * missing: then it is the one of the node that was asked.
 */
export function readClusterMap(reply: RedisReply, asked: RedisAddress): ClusterMap | undefined {
  if (!isArray(reply)) return undefined;
  const masters: RedisAddress[] = [];
  const places = new Map<string, number>();
  const owners = new Uint16Array(slotCount).fill(nobody);
  for (const range of reply) {
    const one = readRange(range, asked);
    if (one === undefined) return undefined;
    const { master, first, last } = one;
    const name = `${master.host} ${master.port}`;
    const place = places.get(name) ?? masters.push(master) - 1;
    if (place >= mostMasters) return undefined;
    places.set(name, place);
    owners.fill(place, first, last + 1);
  }
  const masterOf = (key: string): number | undefined => {
    const place = owners[keySlot(key)] ?? nobody;
    return place === nobody ? undefined : place;
  };
  return { masters, masterOf };
}

interface SlotRange {
  readonly first: number;
  readonly last: number;
  readonly master: RedisAddress;
}

/** `[first, last, [host, port, id, …], …replicas]` */
function readRange(range: unknown, asked: RedisAddress): SlotRange | undefined {
  if (!isArray(range)) return undefined;
  const [first, last, node] = range;
  if (!isSlot(first) || !isSlot(last) || !isArray(node)) return undefined;
  const [host, port] = node;
  if (typeof port !== 'number') return undefined;
  const isNamed = typeof host === 'string' && host !== '' && host !== '?';
  return { first, last, master: { host: isNamed ? host : asked.host, port } };
}

function isSlot(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < slotCount;
}
