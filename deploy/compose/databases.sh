#!/bin/sh
# Run once, by PostgreSQL's image, on an empty data folder: a database for each that needs one and a role for each service.
#
#   tidemill  keys, audit log: made and changed by `operator` (the command line), read by ingest and inference
#             runs, versions, outbox: made and changed by `trainer`
#   mlflow, registry: of those alone
#
# Passwords come from the environment and are handed to psql as variables: they stand in no command line and need no quoting.
set -eu
psql -v ON_ERROR_STOP=1 --no-psqlrc -U "$POSTGRES_USER" -d "$POSTGRES_DB" <<'SQL'
\getenv operator OPERATOR_PASSWORD
\getenv ingest INGEST_PASSWORD
\getenv inference INFERENCE_PASSWORD
\getenv trainer TRAINER_PASSWORD
\getenv mlflow MLFLOW_PASSWORD
\getenv registry REGISTRY_PASSWORD
CREATE ROLE tidemill_operator LOGIN PASSWORD :'operator';
CREATE ROLE tidemill_ingest LOGIN PASSWORD :'ingest';
CREATE ROLE tidemill_inference LOGIN PASSWORD :'inference';
CREATE ROLE tidemill_trainer LOGIN PASSWORD :'trainer';
CREATE ROLE mlflow LOGIN PASSWORD :'mlflow';
CREATE ROLE registry LOGIN PASSWORD :'registry';
CREATE DATABASE mlflow OWNER mlflow;
CREATE DATABASE registry OWNER registry;
REVOKE ALL ON DATABASE mlflow, registry FROM PUBLIC;
REVOKE ALL ON DATABASE tidemill FROM PUBLIC;
GRANT CONNECT ON DATABASE tidemill TO tidemill_operator, tidemill_ingest, tidemill_inference, tidemill_trainer;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO tidemill_operator, tidemill_trainer;
GRANT USAGE ON SCHEMA public TO tidemill_ingest, tidemill_inference;
ALTER DEFAULT PRIVILEGES FOR ROLE tidemill_operator GRANT SELECT ON TABLES TO tidemill_ingest, tidemill_inference;
SQL
