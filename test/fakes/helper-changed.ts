/** An injected Deployment in which somebody has changed the helper's container. */
import { isObject, listAt, objectAt, type Json, type JsonObject } from '#kernel/json.ts';
import { injected } from './admission.ts';
import { deployment, injectBackend } from './workloads.ts';

export function helperChanged(change: JsonObject): JsonObject {
  const whole = injected(deployment(injectBackend));
  const spec = objectAt(whole, 'spec');
  const template = objectAt(spec, 'template');
  const pod = objectAt(template, 'spec');
  const edit = (section: string): readonly Json[] =>
    listAt(pod, section).map((each): Json =>
      isObject(each) && each['name'] === 'auth-helper' ? { ...each, ...change } : each,
    );
  const edited = { ...pod, initContainers: edit('initContainers'), containers: edit('containers') };
  return { ...whole, spec: { ...spec, template: { ...template, spec: edited } } };
}
