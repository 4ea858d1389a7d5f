// Tells the kubelet about one CSI driver over the kubelet's plugin registration protocol: it listens on a socket
// in the kubelet's plugins_registry folder, says where the driver's own socket is, and leaves when it is refused.
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"google.golang.org/grpc"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

// driver answers the kubelet's two questions. Its fields are paths and names as the kubelet sees them on the host.
type driver struct {
	registration.UnimplementedRegistrationServer
	name   string
	socket string
}

func (d *driver) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{
		Type:              registration.CSIPlugin,
		Name:              d.name,
		Endpoint:          d.socket,
		SupportedVersions: []string{"1.0.0"},
	}, nil
}

func (d *driver) NotifyRegistrationStatus(_ context.Context, status *registration.RegistrationStatus) (*registration.RegistrationStatusResponse, error) {
	if !status.PluginRegistered {
		log.Fatalf("the kubelet refused %s: %s", d.name, status.Error)
	}
	log.Printf("the kubelet registered %s", d.name)
	return &registration.RegistrationStatusResponse{}, nil
}

func main() {
	name := flag.String("driver-name", "csi.spiffe.io", "name of the CSI driver")
	socket := flag.String("kubelet-registration-path", "", "the driver's socket, as a path on the host")
	folder := flag.String("registration-dir", "/registration", "where the kubelet's plugins_registry is mounted")
	flag.Parse()
	if *socket == "" {
		log.Fatal("-kubelet-registration-path is needed")
	}
	path := filepath.Join(*folder, *name+"-reg.sock")
	// One left behind by a predecessor that was killed would make the next Listen fail.
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		log.Fatal(err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	registration.RegisterRegistrationServer(server, &driver{name: *name, socket: *socket})
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-stop
		// Closing the listener removes its socket file, which tells the kubelet that the driver is gone.
		server.Stop()
	}()
	if err := server.Serve(listener); err != nil {
		log.Fatal(err)
	}
}
