/** The shape of an edit of the kustomize manifests for the Helm chart. */

export interface Edit {
  /** Must stand in the manifest exactly so many times, once where nothing is said. */
  readonly is: string;
  readonly becomes: string;
  readonly times?: number;
}

export interface ChartFile {
  /** Under manifests/kustomize. */
  readonly source: string;
  /** In the chart's templates. */
  readonly target: string;
  /** Condition for the whole file. */
  readonly when?: string;
  readonly edits: readonly Edit[];
}
