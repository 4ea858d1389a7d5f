/** Names as Kubernetes demands them of most objects, after RFC 1123: a label, and labels with dots between them. */
const label = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?';
export const dnsLabel = new RegExp(`^${label}$`);
export const dnsSubdomain = new RegExp(`^${label}(\\.${label})*$`);
