/** A text to read, its dialect, and how much of it may be read. */
import type { DocumentSpan } from './split-documents.ts';
import type { TextLimits } from './text-limits.ts';

/**
 * Who reads the text: `yaml` is what YAML readers agree on, `kubernetes` has kubectl's scalars, `envoy` is YAML as Envoy reads it,
 * `json` is strict JSON.
 */
export type Dialect = 'yaml' | 'kubernetes' | 'envoy' | 'json';

/** A text and the range of it that is one document. */
export interface DocumentText {
  readonly text: string;
  readonly span: DocumentSpan;
  /** File name for messages. */
  readonly where: string;
  /** Line of the file at which the text begins; 1 where it is the whole file. */
  readonly firstLine?: number | undefined;
  /** Default: those for texts from the cluster. */
  readonly limits?: TextLimits | undefined;
  /** Default: `yaml`. */
  readonly dialect?: Dialect | undefined;
}
