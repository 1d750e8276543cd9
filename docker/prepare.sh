#!/bin/sh
# Prepares a container of the builder image, then becomes the command that makes the wheels.
set -eu
umask 022

# The build host's certificate authorities join the system store: some tools read no variable.
if [ -s /build/ca-bundle.crt ]; then
    for store in \
        /etc/ssl/certs/ca-certificates.crt \
        /etc/pki/tls/certs/ca-bundle.crt \
        /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem \
        /etc/ssl/cert.pem; do
        if [ -f "$store" ] && [ -w "$store" ]; then
            cat /build/ca-bundle.crt >>"$store"
        fi
    done
    if [ ! -e /etc/ssl/certs/ca-certificates.crt ] && mkdir -p /etc/ssl/certs 2>/dev/null; then
        cat /build/ca-bundle.crt >/etc/ssl/certs/ca-certificates.crt || true
    fi
fi

mkdir -p "$WHEELHOUSE"
# One stream, so that the log keeps the order in which things were said.
exec "$@" 2>&1
