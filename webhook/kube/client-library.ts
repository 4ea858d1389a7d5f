/** What is used of the Kubernetes client, from where it is defined: all the rest of the client, its generated API above all, stays unread. */
export { KubeConfig } from '@kubernetes/client-node/dist/config.js';
export { PortForward } from '@kubernetes/client-node/dist/portforward.js';
