#!/bin/sh
# Installs what `make bench` measures beside: from the distribution, and uv from the package index.
# terraform is no package of the distribution; its row is left out where it is not there.
set -eu
cd "$(dirname "$0")/.."

missing=
for pair in git:git ninja:ninja-build make:make rsync:rsync xz:xz-utils time:time ar:binutils \
    dpkg-deb:dpkg dpkg-buildpackage:dpkg-dev dh:debhelper dh_virtualenv:dh-virtualenv; do
    command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair##*:}"
done
python3 -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv"
if [ -n "$missing" ]; then
    echo "peers.sh: installing$missing"
    apt-get update -q >/dev/null
    # shellcheck disable=SC2086 # a list of packages
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing >/dev/null
fi

folder=target/tmp/peers
if [ ! -x "$folder/bin/uv" ]; then
    echo "peers.sh: installing uv"
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet uv
fi
