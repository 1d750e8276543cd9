# What the scripts of this folder share: messages, root, apt, and the question whether an engine answers.
# shellcheck shell=sh

say() {
    printf '%s: %s\n' "${0##*/}" "$*"
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Programs of the administrator are not on everybody's PATH.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        die "root is needed to run: $*"
    fi
}

# `docker version` and not `docker info`: some clients call the latter a success without a server. The time is
# bounded, since a remote engine may swallow packets.
engine_version() {
    timeout 20 docker version --format '{{.Server.Version}}' 2>/dev/null
}

need_engine() {
    if ! command -v docker >/dev/null 2>&1 || ! engine_version >/dev/null; then
        die "no container engine answers; ${0%/*}/engine.sh makes one available"
    fi
}

# Installs what is missing of the named packages, with fresh package lists only where the present ones do not do.
apt_install() {
    command -v apt-get >/dev/null 2>&1 || die "only apt is known here; install by hand: $*"
    absent=''
    for package in "$@"; do
        # shellcheck disable=SC2016 # the braces are dpkg-query's
        if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
            absent="$absent $package"
        fi
    done
    [ -n "$absent" ] || return 0

    say "installing$absent"
    apt_log=$(mktemp)
    # shellcheck disable=SC2086 # a list of package names
    if ! apt_get install --no-install-recommends $absent >"$apt_log" 2>&1; then
        if ! { apt_get update && apt_get install --no-install-recommends $absent; } >"$apt_log" 2>&1; then
            tail -n 20 "$apt_log" >&2
            rm -f "$apt_log"
            die "apt could not install$absent"
        fi
    fi
    rm -f "$apt_log"
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 "$@"
}
