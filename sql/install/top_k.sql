/* ---- the k best items ---- */

CREATE FUNCTION recsys._top_k_add(internal, item anyelement, score float8, k int4) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_top_k_add';
COMMENT ON FUNCTION recsys._top_k_add(internal, anyelement, float8, int4) IS 'transition function of top_k';

CREATE FUNCTION recsys._top_k_combine(internal, internal) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_top_k_combine';
COMMENT ON FUNCTION recsys._top_k_combine(internal, internal) IS 'combine function of top_k';

CREATE FUNCTION recsys._top_k_serialize(internal) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_top_k_serialize';
COMMENT ON FUNCTION recsys._top_k_serialize(internal) IS 'state of top_k as bytes: version, k, then score and item in binary send form';

CREATE FUNCTION recsys._top_k_deserialize(bytea, internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_top_k_deserialize';
COMMENT ON FUNCTION recsys._top_k_deserialize(bytea, internal) IS 'state of top_k from bytes';

CREATE FUNCTION recsys._top_k_final(internal, item anyelement, score float8, k int4) RETURNS anyarray
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_top_k_final';
COMMENT ON FUNCTION recsys._top_k_final(internal, anyelement, float8, int4) IS 'final function of top_k';

CREATE AGGREGATE recsys.top_k(item anyelement, score float8, k int4) (
	SFUNC = recsys._top_k_add, STYPE = internal, FINALFUNC = recsys._top_k_final, FINALFUNC_EXTRA,
	COMBINEFUNC = recsys._top_k_combine, SERIALFUNC = recsys._top_k_serialize, DESERIALFUNC = recsys._top_k_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE recsys.top_k(anyelement, float8, int4) IS
'the k items with the highest scores, best first, ties by the item''s binary send bytes; rows with a NULL item or a NULL or NaN score are left out; NULL without rows; 22023 for k < 0 or a k that varies';

/* ---- the k items nearest to a vector: the same over products ---- */

CREATE FUNCTION recsys._nearest_add(internal, item anyelement, vector float4[], query float4[], k int4) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_nearest_add';
COMMENT ON FUNCTION recsys._nearest_add(internal, anyelement, float4[], float4[], int4) IS 'transition function of nearest';

CREATE FUNCTION recsys._nearest_final(internal, item anyelement, vector float4[], query float4[], k int4) RETURNS anyarray
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_top_k_final';
COMMENT ON FUNCTION recsys._nearest_final(internal, anyelement, float4[], float4[], int4) IS 'final function of nearest';

CREATE AGGREGATE recsys.nearest(item anyelement, vector float4[], query float4[], k int4) (
	SFUNC = recsys._nearest_add, STYPE = internal, FINALFUNC = recsys._nearest_final, FINALFUNC_EXTRA,
	COMBINEFUNC = recsys._top_k_combine, SERIALFUNC = recsys._top_k_serialize, DESERIALFUNC = recsys._top_k_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE recsys.nearest(anyelement, float4[], float4[], int4) IS
'the k items whose vectors have the greatest inner products with the query, best first: top_k(item, dot(vector, query), k), with its ties, and its rows left out where an argument is NULL or the product NaN; NULL without rows; 22023 for vectors of another length than the query''s, k < 0 or a k that varies';
