-- One server, a database for each that needs one; the first, tidemill, comes from POSTGRES_DB.
CREATE DATABASE mlflow;
CREATE DATABASE registry;
