-- complain if the script is sourced in psql rather than by CREATE EXTENSION
\echo Use "CREATE EXTENSION recsys" to load this file. \quit

CREATE SCHEMA recsys;
COMMENT ON SCHEMA recsys IS
'recommendations trained, evaluated and served in the database: functions and the registry of all recommenders';
GRANT USAGE ON SCHEMA recsys TO PUBLIC;
