/** What is used of the Kubernetes client: imported by name, so that a bundle leaves the rest of it out. */
export { KubeConfig, PortForward } from '@kubernetes/client-node';
