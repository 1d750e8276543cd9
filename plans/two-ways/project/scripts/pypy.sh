#!/bin/sh
set -eu
python -m pip wheel .
