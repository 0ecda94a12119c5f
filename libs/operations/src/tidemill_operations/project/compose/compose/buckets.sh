#!/bin/sh
# Makes the buckets and the keys of the store, a set for each service that uses it. Run again it changes nothing.
set -eu
weed_says() { echo "$1" | weed shell -master=s3:9333 -filer=s3:8888 2>&1; }

bucket() {
    weed_says "s3.bucket.create -name $1" >/dev/null || true
    weed_says s3.bucket.list | grep -qw "$1" || { echo "bucket $1 could not be made" >&2; exit 1; }
    echo "bucket $1 is there"
}

key() { # who, secret, bucket, what it may do there
    said=$(weed_says "s3.configure -user=$1 -access_key=tidemill-$1 -secret_key=$2 -buckets=$3 -actions=$4 -apply") || {
        echo "the key of $1 could not be set" >&2
        exit 1
    }
    case "$said" in *"tidemill-$1"*) echo "the key of $1 is set" ;; *) echo "the key of $1 was not taken" >&2; exit 1 ;; esac
}

bucket tidemill
bucket mlflow
key operator "$OPERATOR_SECRET" tidemill Read,Write,List,Tagging
key trainer "$TRAINER_SECRET" tidemill Read,Write,List,Tagging
key inference "$INFERENCE_SECRET" tidemill Read,List
key drift "$DRIFT_SECRET" tidemill Read,List
key mlflow "$MLFLOW_SECRET" mlflow Read,Write,List,Tagging
