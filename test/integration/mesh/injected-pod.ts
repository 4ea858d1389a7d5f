/** What the webhook makes of a pod whose Envoy reads a ConfigMap. */
import { injectTexts } from '../../../webhook/manifests/inject-texts.ts';
import { engineFor } from '../../fakes/engine.ts';

export interface PodToInject {
  readonly name: string;
  /** The data path among them, where it is not the default one. */
  readonly annotations: Readonly<Record<string, string>>;
  /** The ConfigMap's files; Envoy reads `envoy.yaml`. They are mounted at /etc/envoy. */
  readonly files: Readonly<Record<string, string>>;
}

export interface InjectedPod {
  /** Text of `helper.yaml`. */
  readonly settings: string;
  readonly files: Readonly<Record<string, string>>;
  /** What the trace warns of. */
  readonly warnings: readonly string[];
}

/** @returns why it was refused, as text, or what came of it. */
export function injectPod({ name, annotations, files }: PodToInject): InjectedPod | string {
  const mount = { name: 'envoy', mountPath: '/etc/envoy' };
  const container = {
    name: 'envoy',
    image: 'envoyproxy/envoy:v1.40.0',
    volumeMounts: [mount],
    args: ['-c', '/etc/envoy/envoy.yaml'],
  };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', annotations },
    spec: { containers: [container], volumes: [{ name: 'envoy', configMap: { name } }] },
  };
  const metadata = { name, namespace: 'shop' };
  const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: files };
  const text = `${JSON.stringify(config)}\n---\n${JSON.stringify(pod)}\n`;
  const options = { engine: engineFor(), namespace: 'shop' };
  const { configMaps, problems, outcomes } = injectTexts([{ name, text }], options);
  const { 'helper.yaml': settings, ...patched } = Object.assign(
    {},
    ...configMaps.map((one) => one.data),
  ) as Record<string, string>;
  if (settings === undefined || patched['envoy.yaml'] === undefined)
    return problems.map(({ error }) => error.message).join('\n');
  const steps = outcomes.flatMap(({ decision }) => decision.steps);
  const warnings = steps.filter(({ level }) => level === 'warning').map(({ message }) => message);
  return { settings, files: patched, warnings };
}
