import { describe, expect, test } from 'vitest';
import { isArray, objectAt, stringAt, type Json, type JsonObject } from '#kernel/json.ts';
import { review, type ReviewContext } from '../../../../webhook/admission/review.ts';
import { AppError } from '#kernel/errors.ts';
import { applyPatch, type PlainOperation } from '../../../fakes/apply-patch.ts';
import { injected } from '../../../fakes/admission.ts';
import { engineFor } from '../../../fakes/engine.ts';
import { deployment, injectBackend, pod } from '../../../fakes/workloads.ts';

const context: ReviewContext = {
  engine: engineFor(),
  checkEnvoy: () => undefined,
  configMapKeys: () => undefined,
  heldConfigMap: () => undefined,
  ignoredNamespaces: new Set(['kube-system']),
};

function body(object: Json, request: JsonObject = {}): JsonObject {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u-1',
      kind: { group: 'apps', version: 'v1', kind: 'Deployment' },
      namespace: 'shop',
      operation: 'CREATE',
      object,
      ...request,
    },
  };
}

function responseTo(reviewed: JsonObject): JsonObject {
  return objectAt(review(reviewed, context).body, 'response');
}

describe('a body that is no review', () => {
  const good = body(deployment(injectBackend));
  test.each<[string, unknown, RegExp]>([
    ['null', null, /not an AdmissionReview/],
    ['a list', [], /not an AdmissionReview/],
    ['a text', 'x', /not an AdmissionReview/],
    ['an empty object', {}, /not an AdmissionReview/],
    ['another kind', { ...good, kind: 'Pod' }, /not an AdmissionReview/],
    [
      'an old version',
      { ...good, apiVersion: 'admission.k8s.io/v1beta1' },
      /admissionReviewVersions: \[v1\]/,
    ],
    ['no version', { kind: 'AdmissionReview' }, /only admission.k8s.io\/v1/],
    ['no request', { ...good, request: null }, /no "request"/],
    ['no uid', body({}, { uid: undefined }), /no "request.uid"/],
    ['an empty uid', body({}, { uid: '' }), /no "request.uid"/],
    ['a uid that is no text', body({}, { uid: 7 }), /no "request.uid"/],
  ])('%s', (_name, text, says) => {
    const act = (): unknown => review(text, context);
    expect(act).toThrow(AppError);
    expect(act).toThrow(says);
    expect(act).toThrow(expect.objectContaining({ code: 'REVIEW_INVALID' }));
  });
});

describe('a review that changes nothing', () => {
  test.each<[string, JsonObject]>([
    ['a DELETE', body(null, { operation: 'DELETE', oldObject: deployment(injectBackend) })],
    ['a DELETE with an object', body(deployment(injectBackend), { operation: 'DELETE' })],
    ['an object that is null', body(null)],
    ['an object that is a list', body([])],
    [
      'an unknown kind',
      body(
        { apiVersion: 'v1', kind: 'Service' },
        { kind: { group: '', version: 'v1', kind: 'Service' } },
      ),
    ],
    ['no annotations', body(deployment({}))],
    [
      'a pod template that is null',
      body({ apiVersion: 'apps/v1', kind: 'Deployment', spec: { template: null } }),
    ],
    ['no kind anywhere', body({}, { kind: null })],
  ])('%s is allowed without a patch or a warning', (_name, reviewed) => {
    const response = responseTo(reviewed);
    expect(response).toMatchObject({ uid: 'u-1', allowed: true });
    expect(response).not.toHaveProperty('patch');
    expect(response).not.toHaveProperty('patchType');
    expect(response).not.toHaveProperty('warnings');
  });

  test('its metric labels are bounded', () => {
    const answer = review(body({}, { kind: { kind: 'AnythingAtAll' } }), context);
    expect(answer).toMatchObject({ kind: 'other', decision: 'skipped' });
    expect(review(body(null), context)).toMatchObject({ kind: 'Deployment', decision: 'ignored' });
  });
});

describe('a review that injects', () => {
  function patched(response: JsonObject, object: JsonObject): Json {
    expect(response['patchType']).toBe('JSONPatch');
    const text = Buffer.from(stringAt(response, 'patch') ?? '', 'base64').toString('utf8');
    // Our own patch, read back as JSON.
    return applyPatch(object, JSON.parse(text) as PlainOperation[]);
  }

  test('carries a base64 JSON Patch that gives what the engine computed, non-ASCII text included', () => {
    const object = deployment({ ...injectBackend, note: 'Grüße 你好' });
    expect(patched(responseTo(body(object)), object)).toEqual(injected(object));
  });

  test('a dry run is answered the same', () => {
    const object = deployment(injectBackend);
    expect(responseTo(body(object, { dryRun: true }))).toEqual(responseTo(body(object)));
  });

  test('an object without kind and version takes those of the request, and its namespace', () => {
    const { apiVersion, kind, ...rest } = deployment({
      'inject.svidecar.dev/templates': 'jwt-validate',
    });
    const object = { ...rest, metadata: { name: 'frontend' } };
    const whole = { apiVersion, kind, ...rest };
    const template = { ...object, spec: rest['spec'] };
    expect(patched(responseTo(body(object)), template)).toEqual({
      ...template,
      spec: injected(whole as JsonObject)['spec'],
    });
  });

  test('a core kind has no group', () => {
    const { apiVersion, kind, ...object } = pod(injectBackend);
    expect([apiVersion, kind]).toEqual(['v1', 'Pod']);
    const response = responseTo(body(object, { kind: { group: '', version: 'v1', kind: 'Pod' } }));
    expect(response).toHaveProperty('patch');
  });

  test('tells the audit log no more than 4,096 characters', () => {
    const names = Array.from({ length: 500 }, (_, i) => `template-${i}`).join(',');
    const response = responseTo(body(deployment({ 'inject.svidecar.dev/templates': names })));
    const trace = stringAt(objectAt(response, 'auditAnnotations'), 'trace') ?? '';
    expect(trace).toMatch(/^templates_requested: /);
    expect(trace.length).toBe(4_097);
  });

  test('tells the person what was done, and the audit log every step', () => {
    const response = responseTo(body(deployment(injectBackend)));
    const { warnings } = response;
    expect(isArray(warnings) ? warnings : []).toEqual([
      expect.stringMatching(
        /^svidecar: injected jwt-inject; auth-helper with ConfigMap svidecar-[0-9a-f]{32}; .*To undo: svidecar.dev\/inject: "false"$/,
      ),
    ]);
    expect(response['auditAnnotations']).toMatchObject({
      decision: 'injected',
      reason: 'injected',
    });
    expect(stringAt(objectAt(response, 'auditAnnotations'), 'trace')).toContain(
      '\nhelper_added: '.replace('helper_added', 'native_sidecar'),
    );
  });

  test('warnings are few, short and of one line', () => {
    const noisy: ReviewContext = {
      ...context,
      checkEnvoy: (_namespace, _plan, trace) => {
        for (let count = 0; count < 9; count += 1)
          trace.warn('envoy_warning', `a\n\tb${'x'.repeat(2000)}`);
      },
    };
    const response = objectAt(review(body(deployment(injectBackend)), noisy).body, 'response');
    const warnings = response['warnings'];
    if (!isArray(warnings)) throw new Error('no warnings');
    expect(warnings).toHaveLength(6);
    expect(warnings.at(-1)).toBe('svidecar: and 5 more; see svidecar explain');
    for (const warning of warnings) expect(warning).toMatch(/^[^\p{Cc}]{1,720}$/u);
  });
});

describe('a refusal', () => {
  test('names the object, the fault and the code', () => {
    const response = responseTo(
      body(deployment({ ...injectBackend, 'svidecar.dev/socket': 'tcp' })),
    );
    expect(response).toMatchObject({
      uid: 'u-1',
      allowed: false,
      status: { code: 422, reason: 'Invalid' },
    });
    expect(stringAt(objectAt(response, 'status'), 'message')).toBe(
      'Deployment shop/frontend: annotation svidecar.dev/socket: "tcp" is not allowed; write one of csi, hostPath [ANNOTATION_INVALID]',
    );
    expect(response).not.toHaveProperty('patch');
    expect(response['auditAnnotations']).toMatchObject({
      decision: 'refused',
      reason: 'ANNOTATION_INVALID',
    });
  });

  test('a mistake of ours is not dressed up as one of the object', () => {
    const broken: ReviewContext = {
      ...context,
      checkEnvoy: () => {
        throw new TypeError('a defect');
      },
    };
    expect(() => review(body(deployment(injectBackend)), broken)).toThrow(TypeError);
  });
});

describe('what a stranger wrote does nothing to a terminal', () => {
  const evil = '/a\u001b[31m\nb\u009bc\u2028d\u202ee';
  const shown = String.raw`/a\u001b[31m\u000ab\u009bc\u2028d\u202ee`;
  test('in a refusal and in the audit annotation', () => {
    const asked = { ...injectBackend, 'svidecar.dev/skip-paths': evil };
    const response = responseTo(body(deployment(asked)));
    expect(response['allowed']).toBe(false);
    expect(stringAt(objectAt(response, 'status'), 'message')).toContain(shown);
    expect(stringAt(objectAt(response, 'auditAnnotations'), 'trace')).toContain(shown);
  });
  test('in a status that was not written by svidecar, of which one sentence is told', () => {
    const asked = { ...injectBackend, 'svidecar.dev/status': '{"version":1,"templates":"x"}' };
    const message = stringAt(objectAt(responseTo(body(deployment(asked))), 'status'), 'message');
    expect(message).toContain('of another form than svidecar writes: version, templates, undo)');
  });
});
