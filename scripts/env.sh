# shellcheck shell=bash
# Sourced by the other scripts: the pinned Node and Bun come first on PATH.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
case "$(uname -m)" in
  x86_64) bun_package=bun-linux-x64 ;;
  aarch64) bun_package=bun-linux-aarch64 ;;
  *) bun_package=none ;;
esac
export PATH="$root/node_modules/.bin:$root/node_modules/@oven/$bun_package/bin:$PATH"
cd "$root" || exit 1
