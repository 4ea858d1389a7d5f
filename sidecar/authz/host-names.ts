/** Hosts as rules compare them. */

/** A host, or an IPv6 literal in brackets, and perhaps a port: digits. */
const withPort = /^(\[[^\]]*\]|[^:]*)(?::[0-9]*)?$/;
/** What a name under a suffix may consist of, as DNS and certificates have it. */
const hostName = /^[a-z0-9._-]+$/;

/** Takes a port and a closing dot away; an IPv6 literal keeps its brackets. What has no such form stays as it is. */
export function bareHost(full: string): string {
  const [, host] = withPort.exec(full) ?? [];
  if (host === undefined) return full;
  return host.endsWith('.') ? host.slice(0, -1) : host;
}

/** Whether a host in lower case is a name, and so can be under a suffix. */
export function isHostName(host: string): boolean {
  return hostName.test(host);
}
