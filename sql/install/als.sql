/* ---- alternating least squares by SQL ---- */

CREATE FUNCTION recsys._gram_add(internal, factor float4[]) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_gram_add';
COMMENT ON FUNCTION recsys._gram_add(internal, float4[]) IS 'transition function of gram';

CREATE FUNCTION recsys._als_normal_add(internal, factor float4[], weight float8) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_als_normal_add';
COMMENT ON FUNCTION recsys._als_normal_add(internal, float4[], float8) IS 'transition function of als_normal';

CREATE FUNCTION recsys._als_combine(internal, internal) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_als_combine';
COMMENT ON FUNCTION recsys._als_combine(internal, internal) IS 'combine function of gram and als_normal';

CREATE FUNCTION recsys._als_serialize(internal) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_als_serialize';
COMMENT ON FUNCTION recsys._als_serialize(internal) IS 'state of gram and als_normal as bytes: version, kind, factors, rows, pairs of float8';

CREATE FUNCTION recsys._als_deserialize(bytea, internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_als_deserialize';
COMMENT ON FUNCTION recsys._als_deserialize(bytea, internal) IS 'state of gram and als_normal from bytes';

CREATE FUNCTION recsys._als_final(internal) RETURNS bytea
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_als_final';
COMMENT ON FUNCTION recsys._als_final(internal) IS 'final function of gram and als_normal';

CREATE AGGREGATE recsys.gram(factor float4[]) (
	SFUNC = recsys._gram_add, STYPE = internal, FINALFUNC = recsys._als_final, COMBINEFUNC = recsys._als_combine,
	SERIALFUNC = recsys._als_serialize, DESERIALFUNC = recsys._als_deserialize, PARALLEL = SAFE
);
COMMENT ON AGGREGATE recsys.gram(float4[]) IS
'Gram matrix of factors, the sum of v v'' over rows, as bytes for als_solve; the same for any order of rows and number of workers; NULL without rows; 22000 where lengths differ';

CREATE AGGREGATE recsys.als_normal(factor float4[], weight float8) (
	SFUNC = recsys._als_normal_add, STYPE = internal, FINALFUNC = recsys._als_final, COMBINEFUNC = recsys._als_combine,
	SERIALFUNC = recsys._als_serialize, DESERIALFUNC = recsys._als_deserialize, PARALLEL = SAFE
);
COMMENT ON AGGREGATE recsys.als_normal(float4[], float8) IS
'normal equations of one row of alternating least squares from the factors v and weights w of what it has observed: sums of w v v'' and of w v, as bytes for als_solve';

CREATE FUNCTION recsys.als_solve(state bytea, gram bytea, alpha0 float8, lambda float8, nu float8 DEFAULT 1) RETURNS float4[]
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_als_solve';
COMMENT ON FUNCTION recsys.als_solve(bytea, bytea, float8, float8, float8) IS
'one row of implicit ALS (Rendle et al., arXiv 2110.14037): solves (sum w v v'' + alpha0 gram + lambda (n + alpha0 N)^nu I) x = sum w v, n rows in state and N in gram; also the fold-in of a new user; 22003 where there is no finite solution';
