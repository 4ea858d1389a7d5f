/** Policies of Istio's that read `Authorization` before our filter does, and refuse the JWT-SVID in it. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { providerTemplate } from '../istio/provider.ts';
import type { Assessed } from './assess.ts';
import { asksFor, perWorkload } from './asked-by-istio.ts';
import type { Check, Finding } from './check-contract.ts';
import { nameOf, namespaceOf, subjectsOf, type Where } from './facts.ts';
import { isFor, rootNamespaces } from './istio-selection.ts';

export const istioJwtRules: Check = {
  id: 'istio_jwt_rules',
  category: 'workloads',
  claim: "no RequestAuthentication of Istio's reads the header in which JWT-SVIDs come",
  why: 'Istio refuses a token of an issuer that it does not know: 401 "Jwt issuer is not configured".',
  offline: false,
  reads: ['workloads', 'pods'],
  run: ({ assessed, facts }) => {
    const users = assessed.filter(takesTokens);
    if (users.length === 0) return { findings: [], skipped: "no pod of Istio's validates tokens" };
    const reading = facts.objects.requestAuthentications;
    const policies = subjectsOf(reading)
      .map(({ object }) => object)
      .filter(readsAuthorization);
    const roots = rootNamespaces(facts);
    return {
      findings: policies.flatMap((policy) =>
        perWorkload(
          users.filter((user) => isFor(policy, user, roots)),
          fault(policy),
        ),
      ),
      unread: 'reasons' in reading ? reading.reasons : [],
    };
  },
};

/** From an Envoy of Istio's. */
function takesTokens(each: Assessed): boolean {
  const { decision } = each;
  const isFiltered = 'status' in decision && decision.status.envoy?.istio !== undefined;
  return asksFor(each, providerTemplate) || (isFiltered && asksFor(each, 'jwt-validate'));
}

/** @see istio.security.v1.JWTRule: without a place of its own it is `Authorization`, and a query parameter */
export function readsAuthorization(policy: JsonObject): boolean {
  return listAt(objectAt(policy, 'spec'), 'jwtRules')
    .filter(isObject)
    .some((rule) => {
      const headers = listAt(rule, 'fromHeaders').filter(isObject);
      const others = ['fromParams', 'fromCookies'].flatMap((key) => listAt(rule, key));
      return (
        headers.some((each) => stringAt(each, 'name')?.toLowerCase() === 'authorization') ||
        headers.length + others.length === 0
      );
    });
}

function fault(policy: JsonObject): (where: Where, more: string) => Finding {
  const name = `${namespaceOf(policy, { namespace: '' })}/${nameOf(policy)}`;
  return (where, more) => ({
    severity: 'warning',
    where,
    message: `RequestAuthentication ${name} reads Authorization before the JWT-SVID in it is validated, and refuses it unless its issuer is SPIRE's${more}`,
    hint: `give the tokens that ${name} is about a header of their own: fromHeaders: [{name: x-user-token}]`,
  });
}
