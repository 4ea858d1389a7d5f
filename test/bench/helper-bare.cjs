// The peer of bench:helper: a bare HTTP/2 server that answers every call with a prepared OK. `helper-bare.cjs PORT`
const http2 = require('node:http2');

const answer = Buffer.from('00000000040a001a00', 'hex');
const limits = { streamResetBurst: 100_000, streamResetRate: 100_000 };
http2
  .createServer(limits)
  .on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.on('data', () => undefined);
    stream.on('end', () => {
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc' },
        { waitForTrailers: true },
      );
      stream.end(answer);
    });
  })
  .listen(Number(process.argv[2]), '127.0.0.1');
