/**
 * The page of service-purple and service-gray: in its colour it shows both identities of the handshake, as its Envoy puts
 * them into X-Forwarded-Client-Cert. It knows nothing of TLS. It imports nothing: scripts/sds lets a user run it who reads
 * only this and colour-server.ts.
 * @see https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_conn_man/headers#x-forwarded-client-cert
 */

const backgrounds = { purple: '#5b2a86', gray: '#5f6570' } as const;
export type Colour = keyof typeof backgrounds;
// The table's own keys.
export const colours = Object.keys(backgrounds) as readonly Colour[];

/** Values of an Envoy's header with one element, such as `By=…;Hash=…;URI=…`. */
function identityIn(header: string, key: string): string {
  const found = header.split(';').find((part) => part.startsWith(`${key}=`));
  return found?.slice(key.length + 1) ?? 'nobody';
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** @param clientCertificate X-Forwarded-Client-Cert of the request */
export function colourPage(colour: Colour, clientCertificate = ''): string {
  const caller = escape(identityIn(clientCertificate, 'URI'));
  const own = escape(identityIn(clientCertificate, 'By'));
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>service-${colour}</title>
<style>body { font: 18px/1.5 system-ui, sans-serif; margin: 0; padding: 3rem; min-height: 100vh; box-sizing: border-box;
  background: ${backgrounds[colour]}; color: #fff; } dt { opacity: .75; } dd { margin: 0 0 1rem; font-family: monospace; }</style></head>
<body>
<h1>service-${colour}</h1>
<dl><dt>called by</dt><dd id="caller">${caller}</dd><dt>as</dt><dd id="own">${own}</dd></dl>
</body>
</html>
`;
}
