# Images are imported, never pulled: the machine has no way out.

load_images() {
  local file
  for file in "$@"; do
    [ -f "$file" ] || fail "there is no image file $file; scripts/image makes them"
    inside ctr --namespace k8s.io images import - <"$file" >>"$log/images.log" 2>&1 \
      || fail "$file is not an image that containerd accepts; see $log/images.log"
  done
}

# What the cluster itself runs: DNS, and the container that holds each pod's namespaces.
load_own_images() {
  [ ! -f "$state/etc/images-are-loaded" ] || return 0
  "$scripts/image" busybox coredns --out "$state/images.tar" >>"$log/images.log" 2>&1 9>&- \
    || fail "the images of DNS and pods could not be made; see $log/images.log"
  load_images "$state/images.tar"
  rm "$state"/images.*
  touch "$state/etc/images-are-loaded"
}
