/** Which of several installations injects what: whether it is there, and whether running pods are its own. */
import { namespaceLabel, revisionLabel } from '../request/metadata-keys.ts';
import { installationWords, noRevision, revisionIn } from '../request/revision.ts';
import { namespaceLabels, statusTextOf, type Assessed } from './assess.ts';
import { found, type Check, type Finding, type Material } from './check-contract.ts';
import { metadataOf, nameOf, whereOf } from './facts.ts';
import { installedRevisions, type InstalledRevisions } from './installed-revisions.ts';
import { controllerOf } from './pod-controller.ts';
import { ofController, ofOthers, renewHint, renewPodsHint } from './pod-groups.ts';

export const revisionServed: Check = {
  id: 'revision_served',
  category: 'namespaces',
  claim: 'each namespace and workload is for an injector that is there',
  why: 'What names a revision that nobody serves is seen by no webhook: the guard refuses its pods.',
  offline: false,
  reads: ['hooks', 'namespaces', 'workloads', 'pods'],
  run: (material) => {
    const installed = installedRevisions(material.objects('hooks'));
    // Without any, webhook_configured says so.
    if (installed.all.length === 0) return found([]);
    return found([
      ...defaultGone(installed),
      ...namespacesLost(material, installed),
      ...templatesLost(material, installed),
    ]);
  },
};

/** In words, those that are there. */
function thereAre({ all }: InstalledRevisions): string {
  const names = all.map(({ name }) => (name === noRevision ? 'the one without a name' : name));
  return `there are: ${names.join(', ')}`;
}

function isThere({ all }: InstalledRevisions, name: string): boolean {
  return name !== noRevision && all.some((each) => each.name === name);
}

function defaultGone(installed: InstalledRevisions): readonly Finding[] {
  const { said, all } = installed;
  const hasUsual = all.some(({ name }) => name === noRevision);
  if (said === undefined || all.some(({ name }) => name === said.revision)) return [];
  return [
    {
      severity: 'error',
      where: said.where,
      message: `makes ${installationWords(said.revision)} the default, which is not installed (${thereAre(installed)}): ${hasUsual ? 'the installation without a name injects pods that name no revision' : 'pods that name no revision are refused'}`,
      hint: `svidecar revision default NAME --yes, with one that is installed${hasUsual ? ' (without NAME: the installation without a name)' : ''}`,
    },
  ];
}

function namespacesLost({ objects }: Material, installed: InstalledRevisions): readonly Finding[] {
  const labels = namespaceLabels(objects('namespaces'));
  return objects('namespaces').flatMap((subject): readonly Finding[] => {
    const name = nameOf(subject.object);
    if (labels.get(name) === undefined) return [];
    const revision = revisionIn(metadataOf(subject.object));
    const where = whereOf(subject, '');
    if (revision === undefined) {
      if (installed.byDefault !== undefined) return [];
      return [
        {
          severity: 'error',
          where,
          key: namespaceLabel,
          message: `names no revision, and no installation is the default (${thereAre(installed)}): its pods that ask for injection are refused`,
          hint: `svidecar revision default NAME --yes, or kubectl label namespace ${name} ${revisionLabel}=NAME`,
        },
      ];
    }
    if (isThere(installed, revision)) return [];
    return [
      {
        severity: 'error',
        where,
        key: revisionLabel,
        message: `its label names the revision "${revision}", which is not installed (${thereAre(installed)}): its pods that ask for injection are refused`,
        hint:
          revision === 'default' || revision === ''
            ? `for the default revision take the label away: kubectl label namespace ${name} ${revisionLabel}-`
            : `kubectl label --overwrite namespace ${name} ${revisionLabel}=NAME, or install it (docs/revisions.md)`,
      },
    ];
  });
}

function templatesLost({ assessed }: Material, installed: InstalledRevisions): readonly Finding[] {
  return assessed.flatMap((each): readonly Finding[] => {
    const { located, where, asks } = each;
    const revision = revisionIn(metadataOf(located.template));
    const isLost = revision !== undefined && asks && !isThere(installed, revision);
    // The label of a pod is its workload's, which is reported.
    if (!isLost || (where.kind === 'Pod' && controllerOf(each) !== undefined)) return [];
    return [
      {
        severity: 'error',
        where,
        key: revisionLabel,
        message: `its pod template names the revision "${revision}", which is not installed (${thereAre(installed)}): its pods are refused`,
        hint: `change the label ${revisionLabel} of the pod template, or take it away`,
      },
    ];
  });
}

export const revisionCurrent: Check = {
  id: 'revision_current',
  category: 'workloads',
  claim: 'injected workloads and pods are of the injector that their labels choose',
  why: 'A workload keeps what another revision injected until it is rolled out again, and its ConfigMaps are only kept while that one is there.',
  offline: false,
  reads: ['hooks', 'namespaces', 'workloads', 'pods'],
  run: ({ assessed, objects }) => {
    const installed = installedRevisions(objects('hooks'));
    const old = assessed.filter((each) => isOfAnother(each));
    const workloads = old.filter(({ where }) => where.kind !== 'Pod');
    // What is made anew while nobody injects it is refused.
    const hintFor = ({ injector }: Assessed, hint: string): string =>
      installed.all.some(({ name }) => name === injector?.chosen)
        ? hint
        : 'first name a revision that is installed (revision_served)';
    return {
      findings: [
        ...workloads.map((each) => past(each, hintFor(each, renewHint(each)), '')),
        ...ofOthers(old).map((group) => {
          const hint = renewPodsHint(group, assessed, (each) => old.includes(each));
          return past(group.first, hintFor(group.first, hint), ofController(group));
        }),
      ],
      notes: installed.all.length > 1 ? [tally(assessed, installed)] : [],
    };
  },
};

/** Whether another revision injected it than the one whose it is now. */
export function isOfAnother({ injector }: Pick<Assessed, 'injector'>): boolean {
  if (injector?.actual === undefined || injector.chosen === undefined) return false;
  return injector.actual !== injector.chosen;
}

function past({ where, injector, located }: Assessed, hint: string, others: string): Finding {
  const by = installationWords(injector?.actual ?? noRevision);
  const version = versionIn(statusTextOf(located) ?? '');
  return {
    severity: 'warning',
    where,
    message: `was injected by ${by}${version === undefined ? '' : ` (version ${version})`}, and is for ${installationWords(injector?.chosen ?? noRevision)} now${others}`,
    hint,
  };
}

/** Of the status annotation's text. */
export function versionIn(status: string): string | undefined {
  return /"version":"([\w.+-]{1,40})"/.exec(status)?.[1];
}

/** Who injected how many, and in which versions. */
function tally(assessed: readonly Assessed[], { byDefault }: InstalledRevisions): string {
  const injected = assessed.filter(({ where, isInjected }) => isInjected && where.kind !== 'Pod');
  const groups = Map.groupBy(injected, (each) => {
    const version = versionIn(statusTextOf(each.located) ?? '') ?? '?';
    return `${installationWords(each.injector?.actual ?? noRevision)} (${version})`;
  });
  const parts = [...groups].sort().map(([who, all]) => `${all.length} by ${who}`);
  const standing = byDefault === undefined ? 'nobody' : installationWords(byDefault);
  return `workloads injected: ${parts.join(', ') || 'none'}; the default is ${standing}`;
}
