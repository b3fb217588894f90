#!/usr/bin/env bash
# Runs a command with a real Docker engine, in separate namespaces: `enter.sh ROOT DATA open|closed COMMAND…`.
# ROOT is a Debian 13 with docker.io and docker-compose, DATA the engine's folder. `open` keeps the machine's network,
# for builds; `closed` has a separate network, so that no bridge or port outlives it or is visible outside.
set -euo pipefail

root=$(realpath "$1") data=$(realpath "$2") network=$3
shift 3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../../.." && pwd)
mkdir -p "$root/old" "$root/srv/roost" "$root/var/lib/docker" "$root/sys/fs/cgroup"
more=()
[[ $network == closed ]] && more=(--net)
# A folder for temporary files of this machine is not in that root.
unset TMPDIR
exec unshare --mount --pid --uts --ipc "${more[@]}" --fork --kill-child bash "$here/inside.sh" \
    "$root" "$data" "$repository" "$network" "$@"
