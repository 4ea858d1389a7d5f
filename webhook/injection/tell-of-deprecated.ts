/** Annotations and templates that a later version refuses: whoever still writes them is told. */
import {
  deprecatedInPod,
  deprecations,
  deprecationWords,
  type Deprecation,
} from '../request/deprecations.ts';
import { templatesKey } from '../request/metadata-keys.ts';
import type { Settings } from '../request/read-annotations.ts';
import type { Trace } from './trace.ts';

export function tellOfDeprecated(
  asked: { readonly names: readonly string[]; readonly settings: Settings },
  {
    engine,
    trace,
  }: {
    readonly engine: { readonly deprecations?: readonly Deprecation[] };
    readonly trace: Trace;
  },
): void {
  for (const each of deprecatedInPod(asked, engine.deprecations ?? deprecations)) {
    const key = each.kind === 'template' ? templatesKey : each.name;
    trace.warn('deprecated', deprecationWords(each), key);
  }
}
