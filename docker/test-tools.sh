#!/bin/sh
# Installs what the tests judge packages by: lintian, rpm's tools, and those of a local repository; and the servers
# of shared caches.
set -eu
. "$(dirname "$0")/lib.sh"

apt_install lintian rpm rpmlint dnf createrepo-c gnupg

# The servers of shared caches: docker's registry, and an object store out of moto.
apt_install docker-registry python3-venv
tools=$(dirname "$0")/../target/test-tools
if [ ! -x "$tools/bin/moto_server" ]; then
    say "installing moto into target/test-tools"
    # Debian's own interpreter: another on the path may be gone when the tests run.
    rm -rf "$tools"
    /usr/bin/python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check 'moto[server,s3]==5.2.5'
fi
