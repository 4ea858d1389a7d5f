/** A review for a webhook on this machine, whoever signed its certificate. */
import type { ClientRequest } from 'node:http';
import { request } from 'node:https';

/** @returns not sent yet: `end` takes the body */
export function reviewRequest(port: number): ClientRequest {
  return request({
    host: '127.0.0.1',
    port,
    path: '/mutate',
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    rejectUnauthorized: false,
    agent: false,
  });
}
