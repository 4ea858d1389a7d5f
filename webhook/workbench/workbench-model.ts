/** What the workbench is asked, and what it answers: plain values, which a worker can be sent. */
import type { ErrorCode } from '#kernel/errors.ts';
import type { Report } from '../checks/run-checks.ts';
import type { ExplainRecord } from '../manifests/explain-texts.ts';
import type { SourceText } from '../manifests/manifest.ts';
import type { SettingKey } from '../request/metadata-keys.ts';

/** A file of manifests. */
export type InputFile = SourceText;

export interface WorkbenchQuestion {
  readonly files: readonly InputFile[];
  /** The injector's configuration; blank: all defaults. */
  readonly configuration: string;
  /** Of objects that name none. */
  readonly namespace: string;
  /** 36 for Kubernetes 1.36. */
  readonly kubernetesMinor: number;
}

/** A line of an input that something is said about. */
export interface LineMark {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly severity: 'error' | 'warning';
  readonly message: string;
}

/** As `file:line: what`, with its code. */
export interface ToldProblem {
  readonly code: ErrorCode;
  readonly message: string;
}

export interface ComparedTexts {
  readonly label: string;
  readonly before: string;
  readonly after: string;
}

export interface MadeObject {
  readonly kind: 'ConfigMap' | 'EnvoyFilter';
  readonly namespace: string;
  readonly name: string;
  readonly files: readonly { readonly name: string; readonly text: string }[];
}

/** Where a pod template is among the inputs. */
export interface WorkloadPlace {
  readonly file: string;
  /** Among the documents of its file. */
  readonly document: number;
  /** Of the object in its document, and of the pod template in the object. */
  readonly path: readonly (string | number)[];
  readonly templatePath: readonly string[];
}

/** A workload whose annotations can be written. */
export interface AskingWorkload {
  readonly place: WorkloadPlace;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly line: number;
  /** Those of ours on its pod template. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Settings that its templates may read. */
  readonly reads: readonly SettingKey[];
}

/** A template that can be asked for. */
export interface OfferedTemplate {
  readonly name: string;
  readonly description: string;
}

export interface WorkbenchResult {
  readonly kind: 'answered';
  /** `svidecar explain -o json` */
  readonly records: readonly ExplainRecord[];
  /** `svidecar inject` */
  readonly injected: string;
  /** `svidecar diff` */
  readonly differences: string;
  readonly compared: readonly ComparedTexts[];
  readonly made: readonly MadeObject[];
  /** `svidecar render entries` */
  readonly entries: string;
  /** Why a workload has no entry. */
  readonly entryProblems: readonly ToldProblem[];
  /** `svidecar check` */
  readonly report: Report;
  /** What could not be read, and what was refused. */
  readonly problems: readonly ToldProblem[];
  readonly marks: readonly LineMark[];
  readonly workloads: readonly AskingWorkload[];
  readonly templates: readonly OfferedTemplate[];
  /** Namespaces of the workloads, with the value of their label where a Namespace is among the inputs. */
  readonly namespaces: readonly NamespaceLabel[];
}

export interface NamespaceLabel {
  readonly name: string;
  /** `undefined`: no Namespace object is there; empty: it has no such label. */
  readonly label: string | undefined;
  /** The file with that object. */
  readonly file: string | undefined;
}

/** The configuration cannot be used: nothing is decided. */
export interface UnusableConfiguration extends ToldProblem {
  readonly kind: 'unusable';
  /** In the configuration, where it is known. */
  readonly line: number | undefined;
}

export type WorkbenchAnswer = WorkbenchResult | UnusableConfiguration;
