#!/bin/sh
# Run once, by PostgreSQL's image, on an empty data folder: a database for each that needs one and a role for each service.
#
#   tidemill  keys, audit log: made and changed by `operator` (the command line), read by ingest and inference
#             runs, versions, outbox: made and changed by `trainer`, which also adds to the audit log what it released
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
-- A superuser needs no more; a cloud's owner of the database, who is none, gives away and gives rights as a member alone.
GRANT tidemill_operator, mlflow, registry TO CURRENT_USER;
CREATE DATABASE mlflow OWNER mlflow;
CREATE DATABASE registry OWNER registry;
REVOKE ALL ON DATABASE mlflow, registry FROM PUBLIC;
REVOKE ALL ON DATABASE tidemill FROM PUBLIC;
GRANT CONNECT ON DATABASE tidemill TO tidemill_operator, tidemill_ingest, tidemill_inference, tidemill_trainer;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO tidemill_operator, tidemill_trainer;
GRANT USAGE ON SCHEMA public TO tidemill_ingest, tidemill_inference;
ALTER DEFAULT PRIVILEGES FOR ROLE tidemill_operator GRANT SELECT ON TABLES TO tidemill_ingest, tidemill_inference;
-- Of the operator's tables the trainer gets the audit log alone, never the keys. A right to one table can be given only when it
-- is there, so it is given in the transaction that makes the table.
CREATE FUNCTION share_audit_log() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    IF to_regclass('public.access_revision') IS NOT NULL THEN
        GRANT SELECT ON public.access_revision TO tidemill_trainer;
    END IF;
    IF to_regclass('public.audit_log') IS NOT NULL THEN
        GRANT SELECT, INSERT ON public.audit_log TO tidemill_trainer;
        GRANT USAGE ON SEQUENCE public.audit_log_id_seq TO tidemill_trainer;
    END IF;
END $$;
CREATE EVENT TRIGGER share_audit_log ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION share_audit_log();
SQL
