#!/bin/sh
# Makes a container engine available: uses the one that answers, or else installs the distribution's and starts it.
#
#   docker/engine.sh
#
# Running it again is cheap and changes nothing. Root is needed only where there is something to install or start.
set -eu

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

log=/var/log/dockerd.log
pidfile=/var/run/docker.pid
socket=/var/run/docker.sock
patience=60

ready() {
    command -v docker >/dev/null 2>&1 && engine_version >/dev/null
}

# Whether the process that a pid file names lives and is the program that wrote it. A machine that was stopped hard
# may keep the file, and by then the number may belong to anything.
alive() {
    [ -r "$1" ] && [ "$(cat "/proc/$(cat "$1")/comm" 2>/dev/null)" = "$2" ]
}

# An engine may be well and closed to this user; starting another would not help.
refuse_if_closed() {
    if [ -S "$socket" ] && [ ! -w "$socket" ]; then
        die "an engine runs and does not let $(id -un) in; join the group docker and log in again, or run this as root"
    fi
}

fail() {
    if [ -s "$log" ]; then
        as_root tail -n 20 "$log" >&2
    fi
    die "$*"
}

if ready; then
    say "engine $(engine_version) answers${DOCKER_HOST:+ at $DOCKER_HOST}, nothing to do"
    exit 0
fi

# An engine that somebody chose is not replaced by another behind their back.
if [ -n "${DOCKER_HOST:-}" ]; then
    die "DOCKER_HOST names $DOCKER_HOST, and nothing answers there; correct or unset it"
fi

refuse_if_closed

if ! command -v dockerd >/dev/null 2>&1; then
    apt_install docker.io iptables ca-certificates
fi
# Newer releases have the client in a package of its own.
if ! command -v docker >/dev/null 2>&1; then
    apt_install docker-cli
fi

if [ -d /run/systemd/system ]; then
    log=''
    say 'starting the docker service'
    as_root systemctl start docker || fail 'systemd could not start it; see: journalctl -u docker'
elif alive "$pidfile" dockerd; then
    say 'dockerd is running, waiting for it to answer'
else
    # A stale pid file keeps the daemon from starting.
    as_root rm -f "$pidfile"
    alive /var/run/docker/containerd/containerd.pid containerd ||
        as_root rm -f /var/run/docker/containerd/containerd.pid

    if ! grep -q '^[^ ]* /sys/fs/cgroup' /proc/mounts; then
        apt_install cgroupfs-mount
        as_root cgroupfs-mount
    fi

    set --
    # Packets of a container must fit through the way out: where the host's is narrower than usual, larger ones
    # vanish, and connections hang halfway. A file of settings is the administrator's, and has the say.
    way_out=$(awk '$2 == "00000000" { print $1; exit }' /proc/net/route)
    mtu=$(cat "/sys/class/net/$way_out/mtu" 2>/dev/null || echo 1500)
    if [ "$mtu" -lt 1500 ] && [ ! -e /etc/docker/daemon.json ]; then
        set -- "--mtu=$mtu"
    fi

    say "starting dockerd${*:+ $*}, log: $log"
    # A session of its own and no open terminal: the daemon outlives this script and the shell that called it.
    # shellcheck disable=SC2016 # expanded by the inner shell
    pid=$(as_root setsid sh -c 'log=$1; shift; nohup dockerd "$@" </dev/null >"$log" 2>&1 & echo $!' sh "$log" "$@")
fi

while ! ready; do
    refuse_if_closed
    if [ -n "${pid:-}" ] && [ ! -d "/proc/$pid" ]; then
        fail "dockerd ended at once; its log is $log"
    fi
    patience=$((patience - 1))
    if [ "$patience" -le 0 ]; then
        fail "the engine was started and does not answer${log:+; its log is $log}"
    fi
    sleep 1
done
say "engine $(engine_version) answers"
