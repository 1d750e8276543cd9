#!/bin/sh
# Brings a distribution's image into the engine: from its registry, or, for Debian, from a package mirror.
#
#   docker/bootstrap.sh [--force] IMAGE          for example: docker/bootstrap.sh debian:12-slim
#
# An image that the engine has is left alone, unless --force asks for a fresh one. Without a registry, a Debian
# release is put together from the mirror that apt of this machine uses and imported under the same name; its
# signatures are checked as apt checks them, always.
#
#   BOOTSTRAP_MIRRORS   mirrors to use in place of apt's own, separated by spaces
#   PULL_TIMEOUT        seconds that a registry is given, 60 by default
set -eu

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

force=no
if [ "${1:-}" = --force ]; then
    force=yes
    shift
fi
[ $# -eq 1 ] || die 'usage: bootstrap.sh [--force] IMAGE, for example debian:12-slim'
image=$1

need_engine
if [ "$force" = no ] && docker image inspect "$image" >/dev/null 2>&1; then
    say "$image is in the engine, nothing to do"
    exit 0
fi

work=$(mktemp -d "${TMPDIR:-/var/tmp}/bootstrap.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# The time is bounded: a network that drops packets would hold us for minutes.
if timeout "${PULL_TIMEOUT:-60}" docker pull -q "$image" >"$work/pull.log" 2>&1; then
    say "pulled $image"
    exit 0
fi
no_pull="no registry gave $image ($(tail -n 1 "$work/pull.log" | cut -c1-160))"

tag=${image#debian:}
[ "$tag" != "$image" ] || die "$no_pull, and only Debian can be put together from packages here"
case ${tag%-slim} in
    11 | bullseye) release=bullseye ;;
    12 | bookworm) release=bookworm ;;
    13 | trixie) release=trixie ;;
    14 | forky) release=forky ;;
    *) die "$no_pull, and Debian '${tag%-slim}' is not a release that this script knows" ;;
esac
say "$no_pull"

command -v apt-get >/dev/null 2>&1 || die "$image can be put together only on a machine that has apt"
architecture=$(dpkg --print-architecture)
engine_architecture=$(docker version --format '{{.Server.Arch}}')
case $engine_architecture in
    386) engine_architecture=i386 ;;
    arm) engine_architecture=$architecture ;;
    ppc64le) engine_architecture=ppc64el ;;
esac
[ "$architecture" = "$engine_architecture" ] ||
    die "this machine is $architecture and the engine $engine_architecture: bootstrap $image beside the engine"

apt_install mmdebstrap debian-archive-keyring

# A proxy that is configured for apt alone is used here too, and left out of the image.
for scheme in http https; do
    proxy=''
    eval "$(apt-config shell proxy "Acquire::$scheme::Proxy")"
    if [ -n "$proxy" ]; then
        export "${scheme}_proxy=$proxy"
    fi
done

# apt itself reads its configuration, whatever the format; all places that offer a component `main` are candidates.
# shellcheck disable=SC2016 # the braces are apt's
mirrors=${BOOTSTRAP_MIRRORS:-$(apt-get indextargets --no-release-info --format '$(COMPONENT) $(REPO_URI)' \
    'Created-By: Packages' | awk '$1 == "main" && !seen[$2]++ { print $2 }')}

# Whether a mirror carries a suite, and it is Debian's: others, too, name their suites after Debian's releases.
carries() {
    /usr/lib/apt/apt-helper download-file "${1%/}/dists/$2/InRelease" "$work/InRelease" >/dev/null 2>&1 &&
        grep -q '^Origin: Debian$' "$work/InRelease"
}

: >"$work/sources.list"
for suite in "$release" "$release-updates" "$release-security"; do
    for mirror in $mirrors; do
        if carries "$mirror" "$suite"; then
            echo "deb ${mirror%/} $suite main" >>"$work/sources.list"
            continue 2
        fi
    done
    case $suite in
        "$release") die "no mirror of this machine's apt carries Debian $release: ${mirrors:-none is configured}" ;;
        *) say "going without $suite: no mirror of this machine's apt carries it" ;;
    esac
done

set -- --variant=minbase
# As lean as the registry's image, unless apt in it could not reach its mirror.
if grep -q ' https:' "$work/sources.list"; then
    set -- "$@" --include=ca-certificates
fi
# Without this, an older release brings all of perl, only to merge directories that are merged from the start here.
hooks=/usr/share/mmdebstrap/hooks/maybe-merged-usr
if [ -d "$hooks" ]; then
    set -- "$@" "--hook-dir=$hooks"
fi
# As in the registry's images: syncing every file to disk gains nothing in a layer.
set -- "$@" --dpkgopt=force-unsafe-io
case $tag in
    *-slim)
        # Licences stay: passing the image on requires them.
        for path in doc/* groff/* info/* linda/* lintian/* locale/* man/*; do
            set -- "$@" "--dpkgopt=path-exclude=/usr/share/$path"
        done
        set -- "$@" '--dpkgopt=path-include=/usr/share/doc/*/copyright' \
            '--dpkgopt=path-include=/usr/share/locale/locale.alias'
        ;;
esac
# A frozen mirror or a skewed clock makes an administrator set these for apt, and apt in the image meets the same
# mirror. They tell how old an index may be; the signature is checked all the same.
apt-config dump | grep -E '^Acquire::(Check-Valid-Until|Check-Date|Max-FutureTime) ' >"$work/apt.conf" || :
while IFS= read -r line; do
    set -- "$@" "--aptopt=$line"
done <"$work/apt.conf"

say "putting $image together from $(awk 'NR == 1 { print $2 }' "$work/sources.list")"
started=$(date +%s)
if ! as_root mmdebstrap "$@" "$release" "$work/root.tar" - <"$work/sources.list" >"$work/log" 2>&1; then
    tail -n 20 "$work/log" >&2
    if grep -q NO_PUBKEY "$work/log"; then
        die "this machine has no key for Debian $release; a newer debian-archive-keyring brings it"
    fi
    die "Debian $release could not be put together, see above"
fi

# As in the registry's images, no service is started while an image is built. It is added at the end, since the tool
# has such a file of its own while it works, and removes it.
mkdir -p "$work/add/usr/sbin"
printf '#!/bin/sh\nexit 101\n' >"$work/add/usr/sbin/policy-rc.d"
as_root tar --append --file "$work/root.tar" --owner=0 --group=0 --mode=755 -C "$work/add" ./usr/sbin/policy-rc.d

# A whole file and then the import: a stream that breaks off would leave half an image under the name.
docker import \
    --change 'CMD ["bash"]' \
    --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    --message "Debian $release, put together from packages" \
    "$work/root.tar" "$image" >/dev/null
say "$image is in the engine, $(($(du -k "$work/root.tar" | cut -f1) / 1024)) MB in $(($(date +%s) - started)) s"
