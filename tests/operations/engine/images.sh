# Runs with the engine and the machine's network: makes stand-ins for the official images from Debian's packages, and
# builds Roost's own image on them. A stand-in cannot test the official image's entry script.
# `images.sh BOOKWORM.tar TRIXIE.tar NODE`: two minimal roots and a folder with bin/node and lib/node_modules.
set -euo pipefail
bookworm=$1 trixie=$2 node=$3
here=/srv/roost/tests/operations/engine
has() { docker image inspect "$1" >/dev/null 2>&1; }

has local/bookworm || docker import "$bookworm" local/bookworm >/dev/null
has local/trixie || docker import "$trixie" local/trixie >/dev/null
has node:22-bookworm-slim || tar -C "$node" -c --transform 's,^\.,usr/local,' ./bin ./lib | docker import - node:22-bookworm-slim >/dev/null
stand_in() { has "$1" || docker build --quiet --network=host --tag "$1" --file "$here/$2.Dockerfile" "$here"; }
stand_in python:3.11-slim-bookworm python
stand_in rabbitmq:4.3.5-management rabbitmq
stand_in postgres:17 postgres
stand_in redis:7 redis
docker image ls
