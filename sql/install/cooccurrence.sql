/* ---- item neighbours by SQL ---- */

CREATE FUNCTION recsys._cooccurrence_top_add(internal, items anyarray, self anyelement, k int4) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_cooccurrence_top_add';
COMMENT ON FUNCTION recsys._cooccurrence_top_add(internal, anyarray, anyelement, int4) IS 'transition function of cooccurrence_top and cooccurrence_counts';

CREATE FUNCTION recsys._cooccurrence_top_combine(internal, internal) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_cooccurrence_top_combine';
COMMENT ON FUNCTION recsys._cooccurrence_top_combine(internal, internal) IS 'combine function of cooccurrence_top and cooccurrence_counts';

CREATE FUNCTION recsys._cooccurrence_top_serialize(internal) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_cooccurrence_top_serialize';
COMMENT ON FUNCTION recsys._cooccurrence_top_serialize(internal) IS
'state of cooccurrence_top as bytes: version, k, lists, then count and item in binary send form, self first';

CREATE FUNCTION recsys._cooccurrence_top_deserialize(bytea, internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_cooccurrence_top_deserialize';
COMMENT ON FUNCTION recsys._cooccurrence_top_deserialize(bytea, internal) IS 'state of cooccurrence_top from bytes';

CREATE FUNCTION recsys._cooccurrence_top_final(internal, items anyarray, self anyelement, k int4) RETURNS anyarray
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_cooccurrence_top_final';
COMMENT ON FUNCTION recsys._cooccurrence_top_final(internal, anyarray, anyelement, int4) IS 'final function of cooccurrence_top';

CREATE FUNCTION recsys._cooccurrence_counts_final(internal, items anyarray, self anyelement, k int4) RETURNS int4[]
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_cooccurrence_counts_final';
COMMENT ON FUNCTION recsys._cooccurrence_counts_final(internal, anyarray, anyelement, int4) IS 'final function of cooccurrence_counts';

/* SSPACE: some hundred neighbours of an item, so that many groups are sorted */
CREATE AGGREGATE recsys.cooccurrence_top(items anyarray, self anyelement, k int4) (
	SFUNC = recsys._cooccurrence_top_add, STYPE = internal, SSPACE = 32768,
	FINALFUNC = recsys._cooccurrence_top_final, FINALFUNC_EXTRA, COMBINEFUNC = recsys._cooccurrence_top_combine,
	SERIALFUNC = recsys._cooccurrence_top_serialize, DESERIALFUNC = recsys._cooccurrence_top_deserialize, PARALLEL = SAFE
);
COMMENT ON AGGREGATE recsys.cooccurrence_top(anyarray, anyelement, int4) IS
'the k items that are in most of the lists, most first, ties by the item''s binary send bytes; grouped by an item (self, which is left out) over the lists of items of its users, it gives the neighbours by co-occurrence; rows with a NULL list or self are left out; NULL without rows; 22023 for an item twice in a list, for k < 1, and for a k or self that varies';

CREATE AGGREGATE recsys.cooccurrence_counts(items anyarray, self anyelement, k int4) (
	SFUNC = recsys._cooccurrence_top_add, STYPE = internal, SSPACE = 32768,
	FINALFUNC = recsys._cooccurrence_counts_final, FINALFUNC_EXTRA, COMBINEFUNC = recsys._cooccurrence_top_combine,
	SERIALFUNC = recsys._cooccurrence_top_serialize, DESERIALFUNC = recsys._cooccurrence_top_deserialize, PARALLEL = SAFE
);
COMMENT ON AGGREGATE recsys.cooccurrence_counts(anyarray, anyelement, int4) IS
'in how many of the lists each item of cooccurrence_top is, in the same order; unnest(cooccurrence_top(...), cooccurrence_counts(...)) gives rows, and both together keep one state';
