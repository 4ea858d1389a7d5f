/** Rules, dashboards and runbooks against what real endpoints print, and against Prometheus' own tool. */
import { readdirSync, readFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { parse } from 'yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isArray, isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import type { Serving } from '../../webhook/serve.ts';
import { describeWithComponents, programPath } from './harness/components.ts';
import { runCommand } from './harness/processes.ts';
import { serveAlone } from './harness/served-alone.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';
import { startHelper, type HelperProcess } from './mesh/helper-process.ts';

const repository = join(import.meta.dirname, '../..');
const folder = join(repository, 'manifests/monitoring');
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
const ignore = (): void => undefined;

function asObject(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly runbook: string;
}

const groups = listAt(asObject(parse(read('rules.yaml'))), 'groups').filter(isObject);
const rules: readonly Rule[] = groups
  .flatMap((group) => listAt(group, 'rules'))
  .filter(isObject)
  .map((rule) => ({
    alert: stringAt(rule, 'alert') ?? '',
    expr: stringAt(rule, 'expr') ?? '',
    runbook: stringAt(objectAt(rule, 'annotations'), 'runbook') ?? '',
  }));
const dashboards = readdirSync(folder).filter((name) => name.startsWith('dashboard-'));

/** Every `expr` in a dashboard. */
function expressionsOf(value: unknown): readonly string[] {
  if (isArray(value)) return value.flatMap(expressionsOf);
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, member]) =>
    key === 'expr' && typeof member === 'string' ? [member] : expressionsOf(member),
  );
}

/** Names of ours, and of processes, in an expression. */
function metricsIn(expression: string): readonly string[] {
  return expression.match(/\b(svidecar|process|nodejs)_[a-z_]+/g) ?? [];
}

/** Names of the samples that an endpoint prints, or would print: a histogram's among them. */
function metricsOf(page: string): readonly string[] {
  return [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  );
}

describe('monitoring', () => {
  let work: WorkFolder;
  let serving: Serving;
  let helper: HelperProcess;

  beforeAll(async () => {
    work = await createWorkFolder('monitoring');
    serving = await serveAlone(work.path, {
      files: { templates: join(repository, 'templates'), config: undefined, version: '0.1.0' },
      log: { debug: ignore, info: ignore, warn: ignore, error: ignore },
    });
    helper = await startHelper({
      name: 'helper',
      runtime: 'node',
      folder: work.path,
      workloadApi: `unix://${work.path}/nobody.sock`,
      rules: [
        { name: 'jwt-inject', mode: 'inject', audience: 'backend' },
        { name: 'jwt-validate', mode: 'validate', audiences: ['frontend'] },
        { name: 'jwt-ban', mode: 'ban', claims: ['sub'], store: { file: `${work.path}/bans` } },
        // Nobody listens there: it says so in its metrics all the same.
        {
          name: 'jwt-ban-redis',
          mode: 'ban',
          claims: ['sub'],
          store: { redis: { url: `unix://${work.path}/no-redis.sock` } },
        },
      ],
    });
  });
  afterAll(async () => {
    await helper.stop(0);
    await serving.stop();
    await work.remove();
  });

  async function printed(): Promise<ReadonlySet<string>> {
    const webhook = await new Promise<string>((resolve, reject) => {
      // The pair is our own and self-signed.
      const options = { port: serving.port, path: '/metrics', rejectUnauthorized: false };
      get({ host: '127.0.0.1', ...options }, (response) => {
        textOf(response).then(resolve, reject);
      }).on('error', reject);
    });
    const { body } = await helper.page('/metrics');
    return new Set([...metricsOf(webhook), ...metricsOf(body)]);
  }

  test.each([
    ['rules.yaml', rules.map(({ expr }) => expr)],
    ...dashboards.map((name): [string, readonly string[]] => [
      name,
      expressionsOf(JSON.parse(read(name))),
    ]),
  ])('%s names only metrics that webhook or helper print', async (_name, expressions) => {
    const known = await printed();
    const named = new Set(expressions.flatMap(metricsIn));
    expect(named.size).toBeGreaterThan(5);
    expect([...named].filter((name) => !known.has(name))).toEqual([]);
  });

  test('every metric of the webhook is on its dashboard', async () => {
    const shown = new Set(
      expressionsOf(JSON.parse(read('dashboard-webhook.json'))).flatMap(metricsIn),
    );
    const helperOnly = new Set(metricsOf((await helper.page('/metrics')).body));
    const own = [...(await printed())].filter(
      (name) => name.startsWith('svidecar_') && !helperOnly.has(name),
    );
    const missing = own.filter((name) => !shown.has(name) && !/_(sum|count)$/.test(name));
    expect(missing).toEqual([]);
  });
});

describe('runbooks', () => {
  const pages = readdirSync(join(repository, 'docs/runbooks'));

  test('each alert has its page, and each page an alert', () => {
    expect(rules.map(({ runbook }) => runbook).sort()).toEqual(
      rules.map(({ alert }) => `docs/runbooks/${alert}.md`).sort(),
    );
    expect(pages.sort()).toEqual(rules.map(({ alert }) => `${alert}.md`).sort());
  });

  test.each(pages)('%s says what it means, what it harms, where to look and what to do', (page) => {
    const text = readFileSync(join(repository, 'docs/runbooks', page), 'utf8');
    for (const part of ['What it means.', 'What it harms.', 'Look.', 'Do.']) {
      expect(text).toContain(`**${part}**`);
    }
    const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map(([, link = '']) => link);
    for (const link of links) readFileSync(join(repository, 'docs/runbooks', link));
  });
});

test('the PrometheusRule holds the same groups', () => {
  const resource = asObject(parse(read('prometheus-rule.yaml')));
  expect(objectAt(resource, 'spec')['groups']).toEqual(groups);
});

describeWithComponents(['promtool'], 'Prometheus', () => {
  const promtool = (...args: readonly string[]) => runCommand(programPath('promtool'), args);

  test('accepts the rules', async () => {
    const { code, stdout, stderr } = await promtool('check', 'rules', join(folder, 'rules.yaml'));
    expect(code, stderr).toBe(0);
    expect(stdout).toContain(`${rules.length} rules found`);
  });

  test('lets alerts fire, and not fire, as their unit tests say', async () => {
    const { code, stdout, stderr } = await promtool(
      'test',
      'rules',
      join(folder, 'rules.test.yaml'),
    );
    expect(code, stdout + stderr).toBe(0);
  });
});
