module svidecar.dev/components/spiffe-csi-driver

go 1.26.0

require github.com/spiffe/spiffe-csi v0.2.3 // indirect
