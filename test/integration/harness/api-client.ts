/** Plain HTTPS to a Kubernetes API server, faster for tests than a kubectl each time. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { text as textOf } from 'node:stream/consumers';
import type { Certificate } from './authority.ts';

interface ApiResponse {
  readonly status: number;
  /** Parsed JSON, or the text where it is none. */
  readonly body: unknown;
}

export interface ApiClient {
  /**
   * @param method such as `GET`; `PATCH` is a JSON merge patch.
   * @param path with its query, such as `/api/v1/namespaces`.
   * @param body sent as JSON.
   */
  request(method: string, path: string, body?: unknown): Promise<ApiResponse>;
  close(): void;
}

export function createApiClient(url: string, caPem: string, user: Certificate): ApiClient {
  const { certificatePem: cert, keyPem: key } = user;
  const agent = new Agent({ keepAlive: true, ca: caPem, cert, key });
  return {
    async request(method, path, body): Promise<ApiResponse> {
      const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
      const headers = { 'content-type': type };
      const call = httpsRequest(url + path, { agent, method, headers });
      call.end(body === undefined ? undefined : JSON.stringify(body));
      // Node types events as any; this one carries the response alone.
      const [response] = (await once(call, 'response')) as [IncomingMessage];
      const text = await textOf(response);
      return { status: response.statusCode ?? 0, body: parseJson(text) };
    },
    close() {
      agent.destroy();
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Health checks answer in plain text.
    return text;
  }
}
