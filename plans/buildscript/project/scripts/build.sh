#!/bin/sh
# Builds the wheels of ledger in a container. The working directory is the copy of the source, and
# WHEELHOUSE, PIP_WHEEL_DIR and PIP_FIND_LINKS all name the folder whose wheels are the result.
set -eu

# What pip does not do: the message catalogues are compiled before the wheel is made.
for catalogue in src/ledger/locale/*/LC_MESSAGES/ledger.po; do
    msgfmt --check --output-file="${catalogue%.po}.mo" "$catalogue"
done

# The dependencies first, into the wheelhouse (PIP_WHEEL_DIR)...
python -m pip wheel --requirement requirements.txt
# ...then the project, which finds them there (PIP_FIND_LINKS).
python -m pip wheel --no-deps .

# Only a wheelhouse that can be installed from is a good one.
python -m pip install --no-index --dry-run --ignore-installed ledger
ls -l "$WHEELHOUSE"
