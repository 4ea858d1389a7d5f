/** The plan of an Envoy of ours as the status keeps it. */
import * as z from 'zod';
import { inboundProtocols } from '../proxy/proxy-plan.ts';

const port = z.int().min(1).max(65_535);

/** Of a `ProxyPlan`. */
export const proxySchema = z.strictObject({
  spiffeId: z.string(),
  agentSocket: z.string(),
  inbound: z.array(z.strictObject({ protocol: z.enum(inboundProtocols), listen: port, app: port })),
  upstreams: z.array(
    z.strictObject({
      protocol: z.enum(['http', 'tcp']),
      listen: port,
      host: z.string(),
      port,
      spiffeId: z.string(),
      domains: z.array(z.string()),
    }),
  ),
  callers: z.array(z.string()),
  accessLog: z.boolean(),
  anyAddress: z.enum(['::', '0.0.0.0']),
  admin: z.union([z.strictObject({ socket: z.string() }), z.strictObject({ port })]),
  inPod: z.boolean(),
  maxHeapBytes: z.int().min(1),
});
