// The programs of Kubernetes in one executable: links with their names choose between them, as with busybox.
// They share nine tenths of their code, so this is a third of the size and of the build of six executables.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubeapiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	kubecontrollermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	kubeproxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	kubescheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"

	// Registered by import, as the upstream programs do: JSON logs, client and build metrics.
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

// command makes the program that name stands for, or nil. Only the one that runs is made: each one registers
// flags and feature gates in the same process-wide tables.
func command(name string) *cobra.Command {
	switch name {
	case "kube-apiserver":
		return kubeapiserver.NewAPIServerCommand()
	case "kube-controller-manager":
		return kubecontrollermanager.NewControllerManagerCommand()
	case "kube-proxy":
		return kubeproxy.NewProxyCommand()
	case "kube-scheduler":
		return kubescheduler.NewSchedulerCommand()
	case "kubectl":
		return kubectl.NewDefaultKubectlCommand()
	case "kubelet":
		return kubelet.NewKubeletCommand(context.Background())
	}
	return nil
}

func main() {
	called := filepath.Base(os.Args[0])
	chosen := command(called)
	if chosen == nil {
		names := []string{"kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet"}
		fmt.Fprintf(os.Stderr, "%s: there is no program of this name; link to this file as one of %s\n", called, strings.Join(names, ", "))
		os.Exit(2)
	}
	os.Exit(cli.Run(chosen))
}
