/**
 * Somebody else's sidecar injector, as small as one can be: a container, a volume, and an environment variable in every
 * container it finds, whoever added it. `other-injector-program.ts PORT CERTIFICATE-FILE KEY-FILE`; serves until SIGTERM.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { json } from 'node:stream/consumers';
import { isObject, listAt, objectAt, stringAt, type Json, type JsonObject } from '#kernel/json.ts';

interface Operation {
  readonly op: 'add';
  readonly path: string;
  readonly value: Json;
}

const variable = { name: 'OTHER_MESH', value: 'on' };
const sidecar = { name: 'other-proxy', image: 'other:1', env: [variable], resources: {} };
const volume = { name: 'other-proxy-data', emptyDir: {} };

const [port = '', certificateFile = '', keyFile = ''] = process.argv.slice(2);
const server = createServer(
  { cert: readFileSync(certificateFile), key: readFileSync(keyFile) },
  (request, reply) => {
    void json(request).then((review) => {
      const asked = objectAt(isObject(review) ? review : {}, 'request');
      const operations = operationsFor(asked);
      reply.setHeader('content-type', 'application/json');
      reply.end(
        JSON.stringify({
          apiVersion: 'admission.k8s.io/v1',
          kind: 'AdmissionReview',
          response: { uid: asked['uid'], allowed: true, ...patchOf(operations) },
        }),
      );
    });
  },
);
server.listen(Number(port), '127.0.0.1');
process.on('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
});

function patchOf(operations: readonly Operation[]): JsonObject {
  if (operations.length === 0) return {};
  const patch = Buffer.from(JSON.stringify(operations)).toString('base64');
  return { patchType: 'JSONPatch', patch };
}

/** What is still missing; nothing on a second look. */
function operationsFor(asked: JsonObject): Operation[] {
  const object = objectAt(asked, 'object');
  const isPod = stringAt(object, 'kind') === 'Pod';
  const spec = isPod
    ? objectAt(object, 'spec')
    : objectAt(objectAt(objectAt(object, 'spec'), 'template'), 'spec');
  const at = isPod ? '/spec' : '/spec/template/spec';
  return [
    ...['initContainers', 'containers'].flatMap((field) => variables(spec, at, field)),
    ...missing(spec, { at, field: 'containers', value: sidecar }),
    ...missing(spec, { at, field: 'volumes', value: volume }),
  ];
}

function variables(spec: JsonObject, at: string, field: string): Operation[] {
  return listAt(spec, field).flatMap((container, index): Operation[] => {
    if (!isObject(container)) return [];
    const path = `${at}/${field}/${index}/env`;
    if (container['env'] === undefined) return [{ op: 'add', path, value: [variable] }];
    return hasName(listAt(container, 'env'), variable.name)
      ? []
      : [{ op: 'add', path: `${path}/-`, value: variable }];
  });
}

function missing(
  spec: JsonObject,
  {
    at,
    field,
    value,
  }: { at: string; field: string; value: { readonly name: string } & JsonObject },
): Operation[] {
  const path = `${at}/${field}`;
  if (spec[field] === undefined) return [{ op: 'add', path, value: [value] }];
  return hasName(listAt(spec, field), value.name) ? [] : [{ op: 'add', path: `${path}/-`, value }];
}

function hasName(list: readonly Json[], name: string): boolean {
  return list.some((each) => isObject(each) && each['name'] === name);
}
