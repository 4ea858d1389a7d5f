/** The OpenAPI document of a listener, from the table of its operations. @see OpenAPI Specification 3.1 */
import * as z from 'zod';
import { isObject, type JsonObject } from '#kernel/json.ts';
import type { ServedPart } from './listener-faults.ts';
import { problemCodesOf } from './problem.ts';
import { commonFaults, operationsOf, type ServiceOperation } from './service-operations.ts';

export interface DocumentFacts {
  readonly served: readonly ServedPart[];
  readonly version: string;
  /** How callers show who they are; empty: not at all. */
  readonly callersShow: readonly ('jwt' | 'x509')[];
  /** Whether whoever asks `/check` shows an X.509-SVID. */
  readonly checksShow: boolean;
}

const problemShape = {
  type: 'object',
  required: ['type', 'title', 'status', 'code', 'detail'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string', description: 'For programs' },
    detail: { type: 'string', description: 'For people' },
  },
};

export function openApiDocument(facts: DocumentFacts): JsonObject {
  const paths = new Map<string, JsonObject>();
  for (const operation of operationsOf(facts.served)) {
    const { path, method } = operation;
    const made = { [method.toLowerCase()]: operationObject(operation, facts) };
    paths.set(path, { ...paths.get(path), ...made });
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'svidecar bans',
      version: facts.version,
      description: 'Bans of claim values, which helpers beside Envoys refuse.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths: Object.fromEntries(paths),
    components: {
      schemas: { Problem: problemShape },
      securitySchemes: {
        jwtSvid: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT-SVID',
          description: 'A JWT-SVID for an audience of this service',
        },
        x509Svid: { type: 'mutualTLS', description: 'An X.509-SVID of the caller' },
      },
    },
  };
}

function operationObject(operation: ServiceOperation, facts: DocumentFacts): JsonObject {
  const { id, summary, body } = operation;
  return {
    operationId: id,
    summary,
    security: [...securityOf(operation, facts)],
    parameters: [...parametersOf(operation)],
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: body.isRequired,
            content: { [body.type]: { schema: schemaOf(body.shape) } },
          },
        }),
    responses: responsesOf(operation),
  };
}

function securityOf({ of }: ServiceOperation, facts: DocumentFacts): readonly JsonObject[] {
  if (of === 'check') return facts.checksShow ? [{ x509Svid: [] }] : [];
  if (of !== 'bans') return [];
  return facts.callersShow.map((how) => (how === 'jwt' ? { jwtSvid: [] } : { x509Svid: [] }));
}

const inPath: Readonly<Record<string, string>> = {
  claim: "A claim's name, or a JSON pointer; percent-encoded as one segment",
  value: 'Its value; percent-encoded as one segment',
};

function parametersOf({ path, query }: ServiceOperation): readonly JsonObject[] {
  const named = [...path.matchAll(/\{(claim|value)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    description: inPath[name === 'claim' ? 'claim' : 'value'],
    schema: { type: 'string', minLength: 1 },
  }));
  if (query === undefined) return named;
  const { properties } = schemaOf(query);
  const members = isObject(properties) ? Object.entries(properties) : [];
  return [
    ...named,
    ...members.map(([name, schema]) => ({ name, in: 'query', required: false, schema })),
  ];
}

function responsesOf({ done, faults, faultShape }: ServiceOperation): JsonObject {
  const { status, words, shape } = done;
  const good = {
    description: words,
    ...(shape === undefined
      ? {}
      : { content: { 'application/json': { schema: schemaOf(shape) } } }),
  };
  const failed = [...faults, ...commonFaults].map((code): [string, JsonObject] => {
    const isOther = faultShape !== undefined && faults.includes(code);
    const schema = isOther ? schemaOf(faultShape) : { $ref: '#/components/schemas/Problem' };
    const type = isOther ? 'application/json' : 'application/problem+json';
    const description = isOther ? 'Refused' : problemCodesOf(code).join(', ');
    return [String(code), { description, content: { [type]: { schema } } }];
  });
  return { [String(status)]: good, ...Object.fromEntries(failed) };
}

/** OpenAPI 3.1 has the schemas of JSON Schema 2020-12. */
function schemaOf(shape: z.ZodType): JsonObject {
  const made: unknown = JSON.parse(
    JSON.stringify(z.toJSONSchema(shape, { io: 'input', target: 'draft-2020-12' })),
  );
  if (!isObject(made)) throw new TypeError('a schema is an object');
  const { $schema: _dialect, ...schema } = made;
  return schema;
}
