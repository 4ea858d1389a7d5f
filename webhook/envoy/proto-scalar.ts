/**
 * Booleans, numbers and enums of a protobuf message, as Envoy reads them out of YAML or JSON: it accepts many spellings
 * for each (the integration test `envoy-reader` asks it). Nothing else in this folder compares them.
 */
import { type Json, type JsonObject, isObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import { fieldOf } from './proto-field.ts';

/** A value of an enum: `INBOUND`, 1. */
interface EnumValue {
  readonly name: string;
  readonly number: number;
}

const truthy = /^(?:true|t|yes|y|1)$/i;
const falsy = /^(?:false|f|no|n|0)$/i;

/** Set to anything but false: also to what Envoy would not accept as a boolean. */
export function isOn(message: JsonObject | undefined, field: string): boolean {
  return isSet(message, field) && booleanOf(fieldOf(message, field)) !== false;
}

/** Set to false, and not merely absent: for fields that default to true. */
export function isOff(message: JsonObject | undefined, field: string): boolean {
  return isSet(message, field) && booleanOf(fieldOf(message, field)) === false;
}

export function isSet(message: JsonObject | undefined, field: string): boolean {
  return fieldOf(message, field) !== undefined;
}

/** Whether an enum has one of these values; never where it is absent, which stands for the value 0. */
export function isOneOf(
  message: JsonObject | undefined,
  field: string,
  values: readonly EnumValue[],
): boolean {
  const value = fieldOf(message, field);
  return values.some((one) => isEnum(value, one));
}

/** Undefined: absent, or not a number. */
export function numberOf(message: JsonObject | undefined, field: string): number | undefined {
  const value = unwrapped(fieldOf(message, field), 0);
  if (typeof value !== 'number' && typeof value !== 'string') return undefined;
  const number = value === '' ? Number.NaN : Number(value);
  return Number.isNaN(number) ? undefined : number;
}

/** Of envoy.config.core.v3.SocketAddress.Protocol. */
const udp = [{ name: 'UDP', number: 1 }];

/** Whether a `SocketAddress` is one of UDP. */
export function isUdp(socket: JsonObject | undefined): boolean {
  return isOneOf(socket, 'protocol', udp);
}

function booleanOf(given: Json | undefined): boolean | undefined {
  const value = unwrapped(given, false);
  if (typeof value !== 'string') return typeof value === 'boolean' ? value : undefined;
  if (truthy.test(value)) return true;
  return falsy.test(value) ? false : undefined;
}

/** `{value: 3}`: a `UInt32Value`, `BoolValue` and their like may be written as the messages that they are. */
function unwrapped(value: Json | undefined, absent: Json): Json | undefined {
  return isObject(value) ? (own(value, 'value') ?? absent) : value;
}

function isEnum(value: Json | undefined, { name, number }: EnumValue): boolean {
  if (typeof value === 'number') return value === number;
  if (typeof value !== 'string') return false;
  const text = value.trim();
  return text.toUpperCase() === name || (text !== '' && Number(text) === number);
}
