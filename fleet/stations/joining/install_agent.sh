#!/bin/sh
# Install or update the station agent of @SERVER@ on Raspberry Pi OS or Debian, as root:
#
#   sh station-agent.sh                      install it, and say how to join
#   sh station-agent.sh claim                … and show a code with which somebody claims this station on the site
#   sh station-agent.sh enrol --token TOKEN  … and enrol this station with a token
#
# The agent is checked by its SHA-256 before anything of it runs. Running this again does no harm.
set -eu

server=@SERVER@
wheel=@WHEEL@
sha256=@SHA256@
# Set only to try it out somewhere else.
home=${STATION_AGENT_HOME:-/opt/station-agent}
bin=${STATION_AGENT_BIN:-/usr/local/bin}
units=${STATION_AGENT_UNITS:-/etc/systemd/system}
config=${STATION_AGENT_CONFIG:-/etc/station-agent/config.toml}

say() { printf '%s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit "${code:-1}"; }

check() {
    case ${1:-claim} in
        claim | enrol | register) ;;
        *) code=2 fail "There is no word '$1': use claim, enrol --token TOKEN, or nothing." ;;
    esac
    [ "$(id -u)" = 0 ] || [ -n "${STATION_AGENT_HOME:-}" ] || fail "This writes to $home: run it as root, with sudo."
}

python_ready() {
    if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        command -v apt-get >/dev/null || fail "Python 3.11 with venv is missing: install it and start again."
        say "Installing python3-venv …"
        apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends python3-venv >/dev/null ||
            fail "python3-venv could not be installed (the reason is above): install it and start again."
    fi
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$(python3 --version) is too old. The agent needs 3.11: Debian 12, or Raspberry Pi OS of October 2023 or newer."
}

agent_install() {
    say "Installing the station agent in $home …"
    [ -x "$home/bin/pip" ] || python3 -m venv "$home"
    address=$server/agent/$wheel#sha256=$sha256
    # Two steps: a new build of the same version replaces the old one, and libraries that are there stay.
    "$home/bin/pip" install -q --disable-pip-version-check --force-reinstall --no-deps "$address" &&
        "$home/bin/pip" install -q --disable-pip-version-check "$address" ||
        fail "The agent was not installed (the reason is above). Start again; nothing was changed on the station's data."
    mkdir -p "$bin"
    ln -sf "$home/bin/station-agent" "$bin/station-agent"
    "$home/bin/station-agent" --version
}

service_start() {
    if [ ! -d /run/systemd/system ] || [ ! -d "$units" ]; then
        say "There is no systemd here. Start the agent with: station-agent run"
        return
    fi
    cp "$home"/lib/python3*/site-packages/station_agent/station-agent.service "$units/"
    systemctl daemon-reload
    [ -f "$config" ] || return 0
    systemctl -q enable station-agent
    systemctl restart station-agent
    say "The agent runs, now and after every start. To look at it: station-agent status"
}

main() {
    check "$@"
    python_ready
    agent_install
    joined=0
    if [ $# -gt 0 ]; then
        word=$1
        shift
        # A station that has its login and no link yet is started all the same: it keeps trying.
        "$home/bin/station-agent" "$word" --server "$server" "$@" || joined=$?
    fi
    service_start
    [ -f "$config" ] || say "To join, type: station-agent claim --server $server"
    exit "$joined"
}

main "$@"
