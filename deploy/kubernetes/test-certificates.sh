#!/usr/bin/env bash
# Makes an authority and a certificate for each process, laid out as cert-manager lays out its secrets: for tests, and
# for clusters without cert-manager. They are valid for a month; the authority's key is thrown away at the end.
#   test-certificates.sh FOLDER     FOLDER/<process>/{tls.crt,tls.key,ca.crt}; an existing FOLDER is left alone
# Afterwards, for mutual TLS without cert-manager:
#   for each in FOLDER/*/; do kubectl --namespace dragoman create secret generic "$(basename "$each")-tls" --from-file="$each"; done
set -euo pipefail
umask 077
out=${1:?Usage: test-certificates.sh FOLDER}
days=${DAYS:-30}
servers=(asr translation tts codec)
clients=(gateway reconciler asr-worker translation-worker tts-worker codec-worker)

mkdir "$out"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

new_key() { openssl ecparam -genkey -name prime256v1 -noout -out "$1"; }

new_key "$scratch/ca.key"
openssl req -new -x509 -key "$scratch/ca.key" -subj /CN=dragoman-test -days "$days" -out "$scratch/ca.crt" \
    -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign

issue() { # issue PROCESS USAGE NAMES
    mkdir "$out/$1"
    new_key "$out/$1/tls.key"
    openssl req -new -key "$out/$1/tls.key" -subj "/CN=$1" -out "$scratch/request"
    openssl x509 -req -in "$scratch/request" -CA "$scratch/ca.crt" -CAkey "$scratch/ca.key" -days "$days" -sha256 \
        -set_serial "0x$(openssl rand -hex 16)" -out "$out/$1/tls.crt" 2>"$scratch/log" -extfile <(
        echo "subjectAltName=$3"
        echo "extendedKeyUsage=$2"
        echo "keyUsage=critical,digitalSignature"
        echo "basicConstraints=critical,CA:FALSE"
    ) || { cat "$scratch/log" >&2; exit 1; }
    cp "$scratch/ca.crt" "$out/$1/ca.crt"
}

# As in components/tls: a client's certificate does not make it a server.
for name in "${servers[@]}"; do issue "$name" serverAuth "DNS:$name,DNS:$name.dragoman.svc"; done
for name in "${clients[@]}"; do issue "$name" clientAuth "DNS:$name"; done
echo "$out: ${#servers[@]} servers, ${#clients[@]} clients, $days days"
