/** Lists of ports and of listeners in pods whose Envoy is Istio's: as they were written, and as many as can be. */
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { objectAt, type JsonObject } from '#kernel/json.ts';
import { injectTexts } from '../../../../webhook/manifests/inject-texts.ts';
import { uninjectTexts } from '../../../../webhook/manifests/uninject-texts.ts';
import { decideOn, injected } from '../../../fakes/admission.ts';
import { engineFor } from '../../../fakes/engine.ts';

const excludes = 'traffic.sidecar.istio.io/excludeInboundPorts';
const options = { engine: engineFor(), namespace: 'shop' };

function pod(more: Readonly<Record<string, string>> = {}): JsonObject {
  const annotations = {
    'inject.svidecar.dev/templates': 'jwt-validate',
    'svidecar.dev/envoy-container': 'istio-proxy',
    ...more,
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'shop', namespace: 'shop', annotations },
    spec: { containers: [{ name: 'app', image: 'app', ports: [{ containerPort: 8080 }] }] },
  };
}

function withList(written: string): string {
  return stringify(pod()).replace(
    'svidecar.dev/envoy-container: istio-proxy',
    `$&\n    ${excludes}: ${written} # mine`,
  );
}

function named(count: number): string {
  const names = Array.from({ length: count }, (_, index) => 10_000 + index).join(',');
  return stringify(pod({ 'svidecar.dev/validate-listeners': names }));
}

describe('manifests', () => {
  test.each(['3306', '8080,9090', '8080, 9090', "'8080,9090'", '"8080,9090"', '1,2', '""'])(
    'give a list of ports back as it was written: %s',
    (written) => {
      const text = withList(written === '3306' ? "'3306'" : written);
      const once = injectTexts([{ name: 'pod.yaml', text }], options);
      expect(once.problems).toEqual([]);
      expect(once.text).toContain(',9011'.slice(written === '""' ? 1 : 0));
      expect(uninjectTexts([{ name: 'pod.yaml', text: once.text }], 'shop').text).toBe(text);
    },
  );

  test('refuse a list of ports that is a number', () => {
    const { problems } = injectTexts([{ name: 'pod.yaml', text: withList('3306') }], options);
    expect(problems[0]?.error.message).toContain('write its value in quotes');
  });

  test('are refused where the API server would store neither', () => {
    const { problems } = injectTexts([{ name: 'pod.yaml', text: named(2000) }], options);
    expect(problems[0]?.error.message).toContain(
      'annotation svidecar.dev/validate-listeners names 2000 listeners',
    );
    expect(problems[0]?.error.code).toBe('ISTIO_UNFIT');
  });

  test('keep an EnvoyFilter that is long and quick to write as JSON, which is YAML', () => {
    const { problems, text } = injectTexts([{ name: 'pod.yaml', text: named(100) }], options);
    expect(problems).toEqual([]);
    expect(text).toMatch(/envoy-filter\.yaml: .*\{"apiVersion":"networking\.istio\.io/);
  });
});

describe('what would leave a pod open, and tell nobody, is refused', () => {
  test.each(['https', 'virtualInbound', '0.0.0.0_8443', '08443'])(
    'listeners of a gateway that are not named by port: %s',
    (name) => {
      const gateway = {
        'inject.istio.io/templates': 'gateway',
        'svidecar.dev/validate-listeners': name,
      };
      const refusal = { kind: 'refused', code: 'ANNOTATION_INVALID' };
      expect(decideOn(pod(gateway))).toMatchObject(refusal);
      const byPort = { ...gateway, 'svidecar.dev/validate-listeners': '8443' };
      expect(decideOn(pod(byPort))).toMatchObject({ kind: 'injected' });
    },
  );

  test.each(['', 'istio-svidecar-00000000000000000000000000000000'])(
    'a label that hides the pod from its EnvoyFilter: "%s"',
    (value) => {
      const labels = { 'svidecar.dev/envoy-filter': value };
      const object = pod();
      const metadata = { ...objectAt(object, 'metadata'), labels };
      const decision = decideOn({ ...object, metadata });
      expect(decision).toMatchObject({ kind: 'refused', code: 'POD_UNFIT' });
      expect(decision).toHaveProperty(
        'message',
        expect.stringContaining('label svidecar.dev/envoy-filter'),
      );
      const done = injected(object);
      const changed = {
        ...objectAt(done, 'metadata'),
        labels: { 'svidecar.dev/injected': 'true', ...labels },
      };
      expect(decideOn({ ...done, metadata: changed })).toMatchObject({ code: 'POD_UNFIT' });
    },
  );
});
