/* ---- vectors: float4 arrays of one dimension without NULLs ---- */

CREATE FUNCTION recsys.dot(a float4[], b float4[]) RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_dot';
COMMENT ON FUNCTION recsys.dot(float4[], float4[]) IS
'inner product of two vectors of the same length, summed in double precision; 22000 where the lengths differ';

CREATE FUNCTION recsys.norm(a float4[]) RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_norm';
COMMENT ON FUNCTION recsys.norm(float4[]) IS
'Euclidean length of a vector';
