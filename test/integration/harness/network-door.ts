/**
 * A door into a network namespace, as a program that holds it: `network-door.ts SOCKET [PORT=SOCKET…]`. Whoever connects to the
 * first Unix socket and says `ADDRESS PORT` in a line is connected to that from inside; what connects inside to a port on loopback
 * is connected to the Unix socket behind it.
 */
import { createConnection, createServer, type Socket } from 'node:net';

/** After it a connection counts as refused. */
const connectMs = 5_000;
const [socketPath = '', ...inward] = process.argv.slice(2);

function join(one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on('error', () => to.destroy());
    // A reset inside is one outside as well: nobody takes it for an orderly end.
    from.on('close', (hadError) => (hadError ? to.resetAndDestroy() : to.end()));
    from.pipe(to);
  }
}

function openTo(client: Socket): void {
  client.on('error', () => client.destroy());
  client.once('data', (first: Buffer) => {
    client.pause();
    const end = first.indexOf('\n');
    const [host = '', port = ''] = first.subarray(0, end).toString().split(' ');
    const inside = createConnection({ host, port: Number(port) });
    inside.on('error', () => client.destroy());
    inside.setTimeout(connectMs, () => inside.destroy(new Error('nobody answers')));
    inside.once('connect', () => {
      inside.setTimeout(0);
      client.write('\n');
      inside.write(first.subarray(end + 1));
      join(client, inside);
    });
  });
}

for (const each of inward) {
  const [port, path = ''] = each.split('=');
  createServer((client) => {
    join(client, createConnection(path));
  }).listen(Number(port), '127.0.0.1');
}
createServer({ allowHalfOpen: true }, openTo).listen(socketPath);
