/**
 * The app behind service-purple and service-gray: a page in its colour that shows both identities of the handshake, as
 * its Envoy puts them into X-Forwarded-Client-Cert. It knows nothing of TLS. Alone in its file: it is run as it stands,
 * by a user who reads nothing else.
 * Arguments: the path of the Unix socket to listen on, and the colour.
 * @see https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_conn_man/headers#x-forwarded-client-cert
 */
import { createServer } from 'node:http';

const [socketPath = '', colour = ''] = process.argv.slice(2);
const backgrounds = new Map([
  ['purple', '#5b2a86'],
  ['gray', '#5f6570'],
]);
const background = backgrounds.get(colour);
if (socketPath === '' || background === undefined) {
  console.error(`usage: colour-page.ts SOCKET ${[...backgrounds.keys()].join('|')}`);
  process.exit(2);
}

/** Values of an Envoy's header with one element, such as `By=…;Hash=…;URI=…`. */
function identityIn(header: string, key: string): string {
  const found = header.split(';').find((part) => part.startsWith(`${key}=`));
  return found?.slice(key.length + 1) ?? 'nobody';
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function page(clientCertificate: string): string {
  const caller = escape(identityIn(clientCertificate, 'URI'));
  const own = escape(identityIn(clientCertificate, 'By'));
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>service-${colour}</title>
<style>body { font: 18px/1.5 system-ui, sans-serif; margin: 0; padding: 3rem; min-height: 100vh; box-sizing: border-box;
  background: ${background ?? ''}; color: #fff; } dt { opacity: .75; } dd { margin: 0 0 1rem; font-family: monospace; }</style></head>
<body>
<h1>service-${colour}</h1>
<dl><dt>called by</dt><dd id="caller">${caller}</dd><dt>as</dt><dd id="own">${own}</dd></dl>
</body>
</html>
`;
}

const server = createServer((request, response) => {
  const header = request.headers['x-forwarded-client-cert'];
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end(page(typeof header === 'string' ? header : ''));
});
server.listen(socketPath);
process.once('SIGTERM', () => {
  server.close();
  server.closeIdleConnections();
});
