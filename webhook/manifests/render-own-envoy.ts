/** The Envoy of the template `envoy` for where there is no pod: its configuration, and the settings of the helper beside it. */
import { AppError } from '#kernel/errors.ts';
import { own } from '#kernel/members.ts';
import type { JsonObject } from '#kernel/json.ts';
import { patchPlanned } from '../injection/envoy-plan.ts';
import { inject, type Engine } from '../injection/inject.ts';
import { ownSource } from '../injection/own-envoy.ts';
import type { Status } from '../injection/status.ts';
import { Trace, type TraceStep } from '../injection/trace.ts';
import type { ProxyPlan } from '../proxy/proxy-plan.ts';
import { locate } from '../request/locate.ts';
import { readRequest } from '../request/read-annotations.ts';

export interface OwnEnvoyRequest {
  /** As a pod would have them. */
  readonly annotations: Readonly<Record<string, string>>;
  /** What a machine decides, and no annotation does. */
  readonly place: Partial<Pick<ProxyPlan, 'agentSocket' | 'admin' | 'maxHeapBytes' | 'anyAddress'>>;
}

export interface RenderedEnvoy {
  readonly envoy: string;
  /** YAML; undefined where nothing asks a helper. */
  readonly helper: string | undefined;
  readonly warnings: readonly string[];
}

/** As for a pod, by the same engine. @throws {AppError} as {@link inject} */
export function renderOwnEnvoy(
  { annotations, place }: OwnEnvoyRequest,
  engine: Engine,
): RenderedEnvoy {
  const { status, told } = statusFor(annotations, engine);
  const { envoy: plan, helper } = status;
  if (plan?.proxy === undefined) throw new AppError('USAGE', 'no template brings an Envoy');
  const placed = { ...plan, proxy: { ...plan.proxy, ...place, inPod: false } };
  const source = ownSource(placed) ?? { data: {} };
  const { library } = engine;
  const { data, warnings } = patchPlanned('default', placed, { ...source, library });
  return {
    envoy: own(data, plan.file) ?? '',
    helper: helper?.settings,
    warnings: [...told, ...warnings].map(({ message }) => message),
  };
}

interface Written {
  readonly status: Status;
  readonly told: readonly TraceStep[];
}

/** What an injection would write, and warn about. */
function statusFor(annotations: OwnEnvoyRequest['annotations'], engine: Engine): Written {
  const located = locate(podWith(annotations), 'default');
  const request = located === undefined ? undefined : readRequest(located.template);
  if (located === undefined || request?.kind !== 'templates')
    throw new TypeError('the annotations ask for no template');
  const trace = new Trace();
  const context = { engine, trace, keysOf: (): undefined => undefined };
  const { status } = inject(located, { ...request, previous: undefined }, context);
  return { status, told: trace.steps.filter(({ level }) => level === 'warning') };
}

function podWith(annotations: Readonly<Record<string, string>>): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'machine', annotations },
    spec: { containers: [{ name: 'app', image: 'app' }] },
  };
}
