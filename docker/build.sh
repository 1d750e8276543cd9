#!/bin/sh
# Builds base images, each under the name of its folder in docker/base, and checks what a base image promises.
#
#   docker/build.sh [--force] NAME...       for example: docker/build.sh base-cpython-debian12
#   docker/build.sh [--force] --all-local   all whose distribution can be had here; the others are named and left out
#   docker/build.sh --list                  the names
#
# An image whose inputs are the same as when it was built is left alone; --force builds it all the same. Proxies of
# the environment, and the certificate bundle that PIP_CERT, SSL_CERT_FILE or REQUESTS_CA_BUNDLE names, serve the
# build and are not in the image's environment.
set -eu

# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

here=$(dirname "$0")
label=builder.base.inputs

names() {
    for file in "$here"/base/*/Dockerfile; do
        file=${file%/Dockerfile}
        echo "${file##*/}"
    done
}

force=no
local=no
while [ $# -gt 0 ]; do
    case $1 in
        --force) force=yes ;;
        --all-local) local=yes ;;
        --list)
            names
            exit 0
            ;;
        -*) die "unknown option $1; see the head of $0" ;;
        *) break ;;
    esac
    shift
done
if [ "$local" = yes ]; then
    [ $# -eq 0 ] || die '--all-local takes no names'
    # shellcheck disable=SC2046 # the names of folders, without blanks
    set -- $(names)
fi
[ $# -gt 0 ] || die "name a base image: $(names | tr '\n' ' ')"
for name in "$@"; do
    [ -f "$here/base/$name/Dockerfile" ] || die "there is no base image '$name'; there are: $(names | tr '\n' ' ')"
done

need_engine
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

ca_bundle=''
for file in "${PIP_CERT:-}" "${SSL_CERT_FILE:-}" "${REQUESTS_CA_BUNDLE:-}"; do
    if [ -z "$ca_bundle" ] && [ -f "$file" ]; then
        ca_bundle=$file
    fi
done

# The promise: python, pip and $PKG_INSTALL, and virtual environments; nothing in it needs the network.
# shellcheck disable=SC2016 # expanded in the container
promise='
    python -c "import ensurepip, venv"
    python -m pip --version >/dev/null
    pip --version >/dev/null
    $PKG_INSTALL ca-certificates
    python -c "import platform; print(platform.python_implementation(), platform.python_version())"'

# Builds one image; the status tells success, and 3 that its distribution cannot be had.
build() {
    name=$1
    dockerfile=$here/base/$name/Dockerfile
    from=$(awk '$1 == "FROM" { print $2; exit }' "$dockerfile")
    installer=$(grep -o 'pkg-install-[a-z]*' "$dockerfile" | head -n 1)
    inputs=$(cat "$dockerfile" "$here/base/$installer" | sha256sum | cut -d' ' -f1)

    built=$(docker image inspect --format "{{ index .Config.Labels \"$label\" }}" "$name" 2>/dev/null || :)
    if [ "$force" = no ] && [ "$built" = "$inputs" ]; then
        say "$name is up to date"
        return 0
    fi

    if ! docker image inspect "$from" >/dev/null 2>&1; then
        "$here/bootstrap.sh" "$from" || return 3
    fi

    started=$(date +%s)
    context=$work/$name
    mkdir "$context"
    cp "$dockerfile" "$here/base/$installer" "$context"
    set -- --force-rm --label "$label=$inputs" --tag "$name"
    if [ "$force" = yes ]; then
        set -- "$@" --no-cache
    fi
    # These names are known to the engine: without a line ARG they reach every RUN and stay out of the image.
    for variable in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
        if printenv "$variable" >/dev/null; then
            set -- "$@" --build-arg "$variable"
        fi
    done
    if [ -n "$ca_bundle" ]; then
        cp "$ca_bundle" "$context/ca-bundle.crt"
        set -- "$@" --build-arg SSL_CERT_FILE=/tmp/base/ca-bundle.crt
    fi

    say "building $name from $from"
    if ! docker build "$@" "$context" >"$work/$name.log" 2>&1; then
        tail -n 30 "$work/$name.log" >&2
        say "$name could not be built, see above" >&2
        return 1
    fi
    if ! python=$(docker run --rm "$name" sh -ec "$promise" 2>"$work/$name.log"); then
        tail -n 30 "$work/$name.log" >&2
        # The name must not stand for an image that does not do what a base image does.
        docker rmi "$name" >/dev/null
        say "$name does not keep the promise of a base image, see above" >&2
        return 1
    fi
    size=$(docker image inspect --format '{{ .Size }}' "$name")
    say "$name is built: $python, $((size / 1000000)) MB, $(($(date +%s) - started)) s"
}

status=0
for name in "$@"; do
    result=0
    build "$name" || result=$?
    if [ "$result" -eq 3 ] && [ "$local" = yes ]; then
        say "$name is left out: its distribution cannot be had here"
    elif [ "$result" -ne 0 ]; then
        status=1
    fi
done
exit "$status"
