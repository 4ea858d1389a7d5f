/** The newest minor version of Kubernetes 1 that svidecar is tested with: assumed where the cluster's version is not given. */
export const testedKubernetesMinor = 36;
