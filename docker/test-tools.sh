#!/bin/sh
# Installs what the tests judge packages by: lintian, rpm's tools, and those of a local repository.
set -eu
. "$(dirname "$0")/lib.sh"

apt_install lintian rpm rpmlint dnf createrepo-c gnupg
