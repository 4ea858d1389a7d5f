module svidecar.dev/components/spire-controller-manager

go 1.26.0

require github.com/spiffe/spire-controller-manager v0.6.3 // indirect
