/** What scripts/pages.ts puts into the page: data of this version. */

interface NamedText {
  readonly name: string;
  readonly text: string;
}

/** Manifests to look at. */
export interface Demo {
  readonly title: string;
  readonly files: readonly NamedText[];
}

export interface PageData {
  readonly version: string;
  /** The Kubernetes that svidecar is tested with; 36 for 1.36. */
  readonly kubernetesMinor: number;
  /** Texts of the built-in templates, by name. */
  readonly templates: Readonly<Record<string, string>>;
  /** docs/annotations.md */
  readonly annotations: string;
  readonly demos: readonly Demo[];
}

/** Replaced when the page is made. */
declare const svidecarPageData: PageData;

export const pageData: PageData = svidecarPageData;
