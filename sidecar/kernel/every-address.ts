/** Servers that others in the network reach listen on every address there is, of IPv6 and of IPv4. */

/** One socket for both, where the kernel has IPv6. */
export const everyAddress = '::';
/** What is left where it has none. */
const everyIpv4Address = '0.0.0.0';
/** How binding to {@link everyAddress} fails there. */
const withoutIpv6: ReadonlySet<string> = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL']);

/** Where to listen instead; undefined where the failure has another reason, which is then the answer. */
export function addressInstead(host: string, thrown: unknown): string | undefined {
  if (host !== everyAddress || !(thrown instanceof Error) || !('code' in thrown)) return undefined;
  return withoutIpv6.has(String(thrown.code)) ? everyIpv4Address : undefined;
}
