/** Runs svidecar check against a cluster, and reads its report. */
import { isObject, listAt, stringAt } from '#kernel/json.ts';
import { runSvidecar } from '../../fakes/fake-terminal.ts';

export interface Told {
  readonly code: number;
  readonly err: string;
  /** Status by id. */
  readonly statuses: Readonly<Record<string, string>>;
  /** `id severity namespace/name: message` */
  readonly findings: readonly string[];
  /** `id: reason` */
  readonly reasons: readonly string[];
}

export async function checkCluster(kubeconfig: string, ...words: readonly string[]): Promise<Told> {
  const line = ['check', '--kubeconfig', kubeconfig, '-o', 'json', ...words];
  const { code, out, err } = await runSvidecar(line);
  const report: unknown = out === '' ? {} : JSON.parse(out);
  const checks = listAt(isObject(report) ? report : {}, 'checks').filter(isObject);
  const text = (object: unknown, key: string): string =>
    (isObject(object) ? stringAt(object, key) : undefined) ?? '';
  return {
    code,
    err,
    statuses: Object.fromEntries(checks.map((one) => [text(one, 'id'), text(one, 'status')])),
    findings: checks.flatMap((one) =>
      listAt(one, 'findings')
        .filter(isObject)
        .map((finding) => {
          const { where } = finding;
          const place = `${text(where, 'namespace')}/${text(where, 'name')}`;
          return `${text(one, 'id')} ${text(finding, 'severity')} ${place}: ${text(finding, 'message')}`;
        }),
    ),
    reasons: checks.flatMap((one) =>
      listAt(one, 'reasons').flatMap((reason) =>
        typeof reason === 'string' ? [`${text(one, 'id')}: ${reason}`] : [],
      ),
    ),
  };
}
