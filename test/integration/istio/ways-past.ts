/** Requests by which somebody might come to an app past the filter that asks for a token. */
import { connect } from 'node:http2';
import type { NetworkPod } from '../harness/pod-network.ts';
import { sendBytes } from '../harness/pod-requests.ts';

export interface Door {
  readonly from: NetworkPod;
  readonly host: string;
  readonly port: number;
}

const host = 'Host: x\r\n';
const end = '\r\n';

/** None has a token. The app takes each of them, or Envoy might. */
export const oddRequests: readonly string[] = [
  `GET / HTTP/1.1\r\n${host}${end}`,
  `\r\nGET / HTTP/1.1\r\n${host}${end}`,
  'GET / HTTP/1.1\nHost: x\n\n',
  `GET / HTTP/1.0\r\n${end}`,
  `GET http://x/ HTTP/1.1\r\n${host}${end}`,
  `CONNECT 127.0.0.1:8080 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\nGET / HTTP/1.1\r\n${host}${end}`,
  `GET / HTTP/1.1\r\n${host}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n${end}`,
  `GET / HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\n${end}`,
  `PROPFIND / HTTP/1.1\r\n${host}${end}`,
  // Two in one piece: the second is not the first one's body.
  `GET / HTTP/1.1\r\n${host}Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n${host}${end}`,
];

/** @returns what the app answered, undefined where it did not */
export async function sendOddly({ from, ...to }: Door, bytes: string): Promise<string | undefined> {
  const answer = await sendBytes(from, { ...to, waitMs: 1_500 }, bytes);
  return answer?.includes('"port"') === true ? `${to.host}:${to.port} ${bytes}` : undefined;
}

/** Undefined where the connection is cut. */
export async function statusByHttp2({ from, host, port }: Door): Promise<number | undefined> {
  const socket = await from.connect(host, port);
  const session = connect(`http://${host}:${port}`, { createConnection: () => socket });
  socket.resume();
  const status = await new Promise<number | undefined>((resolve) => {
    const isCut = (): void => {
      resolve(undefined);
    };
    session.on('error', isCut).on('close', isCut);
    const stream = session.request({ ':path': '/' });
    stream.on('error', isCut).on('response', (headers) => {
      resolve(headers[':status']);
    });
    stream.end();
  });
  session.destroy();
  return status;
}
