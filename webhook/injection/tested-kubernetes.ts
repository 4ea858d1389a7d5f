/** The newest minor version of Kubernetes 1 that svidecar is tested with: taken where nobody says which cluster it is. */
export const testedKubernetesMinor = 36;
