/** Our cut of SPIRE's messages against what the real server was built from: Go programs carry their `.proto` files in descriptors. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorProtoSchema,
  type DescriptorProto,
} from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { describeWithComponents, programPath } from './harness/components.ts';

const folder = join(import.meta.dirname, '../../webhook/spire/proto');
/** Our file, and the published ones that it is cut from. */
const published = {
  'messages.proto': [
    'spire/api/types/spiffeid.proto',
    'spire/api/types/selector.proto',
    'spire/api/types/status.proto',
    'spire/api/types/entry.proto',
    'spire/api/types/bundle.proto',
    'spire/api/types/federationrelationship.proto',
    'spire/api/types/agent.proto',
  ],
  'entry.proto': ['spire/api/server/entry/v1/entry.proto'],
  'bundle.proto': ['spire/api/server/bundle/v1/bundle.proto'],
  'trustdomain.proto': ['spire/api/server/trustdomain/v1/trustdomain.proto'],
  'agent.proto': ['spire/api/server/agent/v1/agent.proto'],
};

/** Names of types within the file, as SPIRE has them in full. */
function fullType(type: string, owner: string): string {
  if (/^(string|bytes|bool|u?int(32|64))$/.test(type)) return type;
  if (type.includes('.')) return type;
  const isNested = ['AdditionalAttributes', 'Result'].includes(type);
  return `${isNested ? owner : owner.replace(/(\.[A-Z]\w*)+$/, '')}.${type}`;
}

const fieldLine = /^(repeated |optional )?([\w.]+) (\w+) = (\d+);$/;
const methodLine = /^rpc (\w+)\(([\w.]+)\) returns \(([\w.]+)\);$/;

function factOfField(parts: readonly string[], owner: string): string {
  const [type = '', name = '', number = ''] = parts.slice(-3);
  const many = parts[0] === 'repeated ' ? 'repeated ' : '';
  return `${owner}.${name} = ${number}: ${many}${fullType(type, owner)}`;
}

function factOfMethod(parts: readonly string[], owner: string): string {
  const [name = '', ...types] = parts;
  return `${owner}.${name}: ${types.map((each) => fullType(each, owner)).join(' -> ')}`;
}

function factOfLine(line: string, owner: string): readonly string[] {
  const field = fieldLine.exec(line)?.slice(1);
  if (field !== undefined) return [factOfField(field, owner)];
  const method = methodLine.exec(line)?.slice(1);
  return method === undefined ? [] : [factOfMethod(method, owner)];
}

/** Of a `.proto` file in our plain style: `Message.field = number: type`, and `Service.Method: request -> response`, with their package. */
function factsOfText(text: string): readonly string[] {
  const space = /^package ([\w.]+);$/m.exec(text)?.[1] ?? '';
  const scope: string[] = [];
  return text.split('\n').flatMap((each) => {
    const line = each.replace(/\/\/.*/, '').trim();
    const opened = /^(?:message|service|oneof) (\w+) \{$/.exec(line)?.[1];
    if (opened !== undefined) scope.push(opened);
    if (line === '}') scope.pop();
    // A oneof's fields are fields of its message.
    return factOfLine(line, [space, ...scope.filter((name) => /^[A-Z]/.test(name))].join('.'));
  });
}

const scalars: Partial<Record<Type, string>> = {
  [Type.STRING]: 'string',
  [Type.BYTES]: 'bytes',
  [Type.BOOL]: 'bool',
  [Type.INT32]: 'int32',
  [Type.INT64]: 'int64',
  [Type.UINT64]: 'uint64',
};

function factsOfMessage(message: DescriptorProto, space: string): readonly string[] {
  const owner = `${space}.${message.name}`;
  const fields = message.field.map((field) => {
    const type = scalars[field.type] ?? field.typeName.replace(/^\./, '');
    return `${owner}.${field.name} = ${field.number}: ${field.label === Label.REPEATED ? 'repeated ' : ''}${type}`;
  });
  return [...fields, ...message.nestedType.flatMap((each) => factsOfMessage(each, owner))];
}

/** Of the descriptor that lies in the program under the file's name. */
function factsOfProgram(program: Buffer, file: string): readonly string[] {
  // Field 1 of a FileDescriptorProto is its name, its last one the syntax.
  const begin = program.indexOf(Buffer.from(`\x0a${String.fromCharCode(file.length)}${file}`));
  const last = Buffer.from('b\x06proto3');
  const end = program.indexOf(last, begin) + last.length;
  expect(begin, `${file} is in the program`).toBeGreaterThan(0);
  const descriptor = fromBinary(FileDescriptorProtoSchema, program.subarray(begin, end));
  const space = descriptor.package;
  const methods = descriptor.service.flatMap((service) =>
    service.method.map(({ name, inputType, outputType }) => {
      const [request, response] = [inputType, outputType].map((each) => each.replace(/^\./, ''));
      return `${space}.${service.name}.${name}: ${request ?? ''} -> ${response ?? ''}`;
    }),
  );
  return [...descriptor.messageType.flatMap((each) => factsOfMessage(each, space)), ...methods];
}

describeWithComponents(['spire-server'], 'our .proto files of SPIRE', () => {
  test.each(Object.entries(published))('%s says what SPIRE says', (ours, theirs) => {
    const program = readFileSync(programPath('spire-server'));
    const known = theirs.flatMap((file) => factsOfProgram(program, file));
    const facts = factsOfText(readFileSync(join(folder, ours), 'utf8'));
    expect(facts.length).toBeGreaterThan(5);
    expect(facts.filter((fact) => !known.includes(fact))).toEqual([]);
  });
});
