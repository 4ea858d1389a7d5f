/**
 * A lint rule: what somebody else names is looked up among an object's own members. `record[key]` with a key that may
 * be any text also finds `constructor` and whatever else every object has; `key in record` does as well, and
 * `record['__proto__'] = value` puts another prototype in place of a member.
 * It asks the compiler for types, so that lists, and records whose keys are named one by one, are no matter of it.
 */
import type { Rule } from 'eslint';
import ts from 'typescript';

/** A node of the syntax tree, TypeScript's own included. */
interface Node {
  readonly type: string;
}

/** What TypeScript's parser has for rules. */
interface TypedServices {
  readonly program: ts.Program;
  readonly getTypeAtLocation: (node: Node) => ts.Type;
}

const messages = {
  read: 'The key may be any string, such as "constructor": read it by own() of #kernel/members.ts, or from a Map.',
  write:
    'The key may be any string, such as "__proto__": set it by setMember() of #kernel/members.ts, or in a Map.',
  asked: 'The key may be any string, such as "constructor": ask Object.hasOwn(), or a Map.',
};

export const ownMembers: Rule.RuleModule = {
  meta: { type: 'problem', schema: [], messages },
  create: (context) => {
    const { program, getTypeAtLocation } = servicesOf(context);
    const checker = program.getTypeChecker();
    const isOpen = (holder: Node, key: Node): boolean =>
      isAnyText(getTypeAtLocation(key), checker) && isKeyed(getTypeAtLocation(holder), checker);
    return {
      MemberExpression: (node) => {
        if (!node.computed || !isOpen(node.object, node.property)) return;
        context.report({ node, messageId: isAssigned(node) ? 'write' : 'read' });
      },
      BinaryExpression: (node) => {
        if (node.operator === 'in' && isOpen(node.right, node.left))
          context.report({ node, messageId: 'asked' });
      },
      ObjectPattern: (node) => {
        const keys = node.properties.flatMap((part) =>
          part.type === 'Property' && part.computed ? [part.key] : [],
        );
        for (const key of keys) if (isOpen(node, key)) context.report({ node, messageId: 'read' });
      },
    };
  },
};

/** @throws {TypeError} for a file that is read without types */
function servicesOf({ sourceCode, filename }: Rule.RuleContext): TypedServices {
  const services: unknown = sourceCode.parserServices;
  if (hasTypes(services)) return services;
  throw new TypeError(`${filename}: this rule needs types (parserOptions.projectService)`);
}

function hasTypes(services: unknown): services is TypedServices {
  return typeof services === 'object' && services !== null && 'getTypeAtLocation' in services;
}

function isAssigned({ parent, range }: Rule.Node): boolean {
  if (parent?.type === 'UpdateExpression') return true;
  return parent?.type === 'AssignmentExpression' && parent.left.range?.[0] === range?.[0];
}

/** The types that a value of this one may have, each by itself. */
function alternatives(type: ts.Type, checker: ts.TypeChecker): readonly ts.Type[] {
  const plain = checker.getBaseConstraintOfType(type) ?? type;
  return plain.isUnion() ? plain.types : [plain];
}

const openText = ts.TypeFlags.String | ts.TypeFlags.TemplateLiteral | ts.TypeFlags.StringMapping;

function isText(type: ts.Type): boolean {
  if (type.isIntersection()) return type.types.some(isText);
  return (type.flags & openText) !== 0;
}

function isAnyText(key: ts.Type, checker: ts.TypeChecker): boolean {
  return alternatives(key, checker).some(isText);
}

/** Whether members are found by names that the type does not list. */
function isKeyed(holder: ts.Type, checker: ts.TypeChecker): boolean {
  return alternatives(holder, checker).some((one) =>
    checker.getIndexInfosOfType(one).some(({ keyType }) => isText(keyType)),
  );
}
