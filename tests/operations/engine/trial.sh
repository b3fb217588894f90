# Runs with the engine, without the machine's network: the stack starts as the how-to says, every container becomes
# healthy, a station enrols from outside, and after `down` and `up` everything is there. Prints its results as NAME=VALUE.
set -euo pipefail
cd /srv/roost
export ROOST_BIND=0.0.0.0 ROOST_BIND_SITE=0.0.0.0 ROOST_PUBLIC_HOST=198.51.100.1
compose() { docker compose --progress quiet -f docker-compose.yml -f tests/operations/engine/host-network.yml "$@"; }
site() { compose exec -T site python -m operations.container "$@"; }
seen() { printf '%s=%s\n' "$1" "$2"; }

healthy_wait() {
    local begun=$SECONDS
    while compose ps --all --format '{{.Name}} {{.State}} {{.Health}} {{.ExitCode}}' | grep -vE ' (running healthy 0|exited  0)$' >/tmp/unwell; do
        ((SECONDS - begun < 900)) || { cat /tmp/unwell; compose logs --tail 20; exit 1; }
        sleep 2
    done
}

begun=$SECONDS
compose up --build --detach || { compose ps --all; compose logs --tail 20; exit 1; }
healthy_wait
seen healthy_after_s $((SECONDS - begun))
seen healthy "$(compose ps --format '{{.Health}}' | sort | uniq -c | xargs)"

site station add SG-7F5ERPI46977 --organization "Long Point" --json >/tmp/station.json
token=$(sed -n 's/.*"token": "\(.*\)".*/\1/p' /tmp/station.json)
# The station: Roost's image on the machine's own network, which knows only the server's address.
station() {
    docker run --rm --network=host --read-only --tmpfs /tmp -v station:/station --user root --entrypoint python \
        -e STATION_AGENT_CONFIG=/station/station.toml -e STATION_AGENT_STATE_DIR=/station/state roost -m station_agent "$@"
}
for _ in 1 2 3 4 5 6; do
    # On a busy machine the broker may be slow to create a login; the token stays valid.
    station enrol --server http://198.51.100.1:8000 --serial SG-7F5ERPI46977 --token "$token" --insecure-http && enrolled=yes && break
    sleep 10
done
[[ ${enrolled:-} ]] || { compose logs --tail 30 site rabbitmq; exit 1; }
docker run --detach --name station --network=host -v station:/station --user root --entrypoint python \
    -e STATION_AGENT_CONFIG=/station/station.toml -e STATION_AGENT_STATE_DIR=/station/state roost -m station_agent run >/dev/null
for _ in $(seq 60); do
    state=$(site station show SG-7F5ERPI46977 --json | sed -n 's/.*"state": "\(.*\)".*/\1/p' | head -1)
    [[ $state == on_time ]] && break
    sleep 2
done
seen station "$state"
seen environment_of_ingest "$(compose exec -T ingest env | grep -c '^ROOST_')"

# Cost of the checks: processor time of all containers during an idle minute.
busy() { cat /sys/fs/cgroup/cpuacct/docker/cpuacct.usage 2>/dev/null || echo 0; }
before=$(busy); sleep 60; after=$(busy)
seen cores_idle "$(awk "BEGIN {printf \"%.3f\", ($after - $before) / 6e10}")"
checks_begun=$(date +%s%N)
for _ in 1 2 3 4 5; do compose exec -T relay python -I -S operations/container_check.py relay; done
seen check_ms $((($(date +%s%N) - checks_begun) / 5000000))
seen certificate_before "$(compose exec -T site sha256sum /var/lib/roost/tls/server.pem | cut -c1-12)"

begun=$SECONDS
compose down
seen down_s $((SECONDS - begun))
seen left_running "$(docker ps --quiet | wc -l)"
begun=$SECONDS
compose up --detach
healthy_wait
seen healthy_again_after_s $((SECONDS - begun))
seen certificate_after "$(compose exec -T site sha256sum /var/lib/roost/tls/server.pem | cut -c1-12)"
for _ in $(seq 60); do
    shown=$(site station show SG-7F5ERPI46977 --json)
    grep -q '"state": "on_time"' <<<"$shown" && break
    sleep 2
done
seen station_again "$(sed -n 's/.*"state": "\(.*\)".*/\1/p' <<<"$shown" | head -1)"

# Start in the wrong order: the services that others need come last.
compose restart --timeout 10 relay ingest tasks >/dev/null
compose stop --timeout 15 postgres rabbitmq >/dev/null
compose start rabbitmq postgres >/dev/null
healthy_wait
seen healthy_after_wrong_order yes
docker rm --force station >/dev/null
compose down --volumes
docker volume rm station >/dev/null
seen left_at_the_end "$(docker ps --quiet --all | wc -l) $(docker network ls --quiet --filter type=custom | wc -l) $(docker volume ls --quiet | wc -l)"
