/** The names by which Istio's own API leads a proxy to the helper beside it. */

/** The template whose helper Istio asks by an extension provider. */
export const providerTemplate = 'istio-validate';
/** Name of the extension provider. */
export const providerName = 'svidecar';
/** Of no real zone: nobody looks it up. */
export const helperHost = 'auth-helper.svidecar.internal';
/** Name of the ServiceEntry that gives this host its address. */
export const helperEntry = 'svidecar-auth-helper';
/** Where Istio keeps what holds for the whole mesh, unless it is told otherwise. */
export const usualRootNamespace = 'istio-system';
