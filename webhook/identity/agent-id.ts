/** The SPIFFE ID under which agents are known where nothing else is configured: the one of the usual installation of SPIRE. */
export function usualAgentId(trustDomain: string): string {
  return `spiffe://${trustDomain}/ns/spire/sa/spire-agent`;
}
