#!/bin/sh
# Writes deploy/kubernetes/overlays/dev/secrets: a random password for everything that has one, and the key by which versions are
# signed, readable by you alone. What is there already stays; run it again after an upgrade to add what is new.
set -eu
umask 077
folder="${1:-$(dirname "$0")/overlays/dev/secrets}"
mkdir -p "$folder/passwords"
cd "$folder"

password() { # makes it once, then gives the same
    [ -s "passwords/$1" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"passwords/$1"
    cat "passwords/$1"
}

put() { # file, content
    mkdir -p "$(dirname "$1")"
    printf '%s' "$2" >"$1"
}

database() { # workload, role
    put "$1/database-url" "postgresql+psycopg://tidemill_$2:$(password "postgres-$2")@postgres:5432/tidemill"
}

store() { # workload, user
    put "$1/aws-access-key-id" "tidemill-$2"
    put "$1/aws-secret-access-key" "$(password "s3-$2")"
}

database ingest ingest
database serve inference
database trainer trainer
database release operator
store serve inference
store stream inference
store drift-detect drift
store trainer trainer
put ingest/redis-url redis://redis:6379/0
put serve/redis-url redis://redis:6379/0
put mlflow/database-url "postgresql+psycopg://mlflow:$(password postgres-mlflow)@postgres:5432/mlflow"
put mlflow/aws-credentials "[default]
aws_access_key_id = tidemill-mlflow
aws_secret_access_key = $(password s3-mlflow)
"
put mlflow/artifacts s3://mlflow/artifacts
put postgres.env "POSTGRES_PASSWORD=$(password postgres)
OPERATOR_PASSWORD=$(password postgres-operator)
INGEST_PASSWORD=$(password postgres-ingest)
INFERENCE_PASSWORD=$(password postgres-inference)
TRAINER_PASSWORD=$(password postgres-trainer)
MLFLOW_PASSWORD=$(password postgres-mlflow)
REGISTRY_PASSWORD=$(password postgres-registry)
"
put registry.env "APICURIO_DATASOURCE_PASSWORD=$(password postgres-registry)
"
put s3.env "AWS_ACCESS_KEY_ID=tidemill-root
AWS_SECRET_ACCESS_KEY=$(password s3-root)
OPERATOR_SECRET=$(password s3-operator)
TRAINER_SECRET=$(password s3-trainer)
INFERENCE_SECRET=$(password s3-inference)
DRIFT_SECRET=$(password s3-drift)
MLFLOW_SECRET=$(password s3-mlflow)
"
[ -s signing.pem ] || openssl genpkey -algorithm ed25519 -out signing.pem
openssl pkey -in signing.pem -pubout -out trusted.pem
echo "secrets of the dev overlay are in $folder"
