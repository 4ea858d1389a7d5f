/** What is read: a text, who reads it, and how much of it may be read. */
import type { DocumentSpan } from './split-documents.ts';
import type { TextLimits } from './text-limits.ts';

/** Who reads the text: `yaml` is what readers of YAML agree on, `envoy` what Envoy makes of YAML, `json` is nothing but JSON. */
export type Dialect = 'yaml' | 'envoy' | 'json';

/** A text and the stretch of it that is one document. */
export interface DocumentText {
  readonly text: string;
  readonly span: DocumentSpan;
  /** File name for messages. */
  readonly where: string;
  /** Line of the file that the text begins at; 1 where it is the whole file. */
  readonly firstLine?: number | undefined;
  /** Those for texts from the cluster, where nothing is said. */
  readonly limits?: TextLimits | undefined;
  /** `yaml` where nothing is said. */
  readonly dialect?: Dialect | undefined;
}
