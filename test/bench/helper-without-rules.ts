/** A peer of bench:bans: the helper's own gRPC server, which answers every check with a prepared OK. `helper-without-rules.ts PORT` */
import { GrpcServer } from '../../sidecar/server/grpc-server.ts';

const answer = Buffer.from('0a001a00', 'hex');
const methods = new Map([['/envoy.service.auth.v3.Authorization/Check', () => answer]]);
const server = new GrpcServer({ methods, metadata: ['svidecar-rule'] });
await server.listen({ host: '127.0.0.1', port: Number(process.argv[2]) });
