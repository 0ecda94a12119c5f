#!/bin/sh
# Writes compose/tls: an authority of your own, once, and by it a certificate for every door of the Compose file, for 90 days.
# Run it again to renew: services take it up without a restart. HOST names behind it are put into the certificate too.
# Callers and Prometheus believe compose/tls/served/ca.crt. Have one by an authority that everybody believes? Put its files into
# `served` as tls.crt and tls.key, and that authority's as ca.crt.
set -eu
umask 077
mkdir -p "$(dirname "$0")/tls/served"
cd "$(dirname "$0")/tls" # for you alone; `served` is what containers see, whose user is another
chmod 755 served
if [ ! -s authority.key ]; then
    openssl ecparam -name prime256v1 -genkey -noout -out authority.key
    openssl req -x509 -new -key authority.key -sha256 -days 3650 -subj "/CN=Tidemill on $(hostname)" \
        -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" -out authority.crt
fi
names="DNS:localhost,DNS:tidemill,DNS:ingest,DNS:inference-serve,IP:127.0.0.1"
for host in "$@"; do names="$names,DNS:$host"; done
printf '%s\n' "basicConstraints=CA:FALSE" "keyUsage=critical,digitalSignature" "extendedKeyUsage=serverAuth" \
    "subjectAltName=$names" >extensions
openssl ecparam -name prime256v1 -genkey -noout -out new.key
openssl req -new -key new.key -subj "/CN=tidemill" -out new.csr
openssl x509 -req -in new.csr -CA authority.crt -CAkey authority.key -CAcreateserial -sha256 -days 90 -extfile extensions \
    -out new.crt
rm new.csr extensions
chmod 644 new.key new.crt
cp authority.crt served/ca.crt
chmod 644 served/ca.crt
mv new.key served/tls.key
mv new.crt served/tls.crt
echo "the certificate for $names is in compose/tls/served"
