/* ---- ranking metrics of one list against the set of relevant items ---- */

CREATE FUNCTION recsys.precision_at_k(ranked anyarray, relevant anyarray, k int4) RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_precision_at_k';
COMMENT ON FUNCTION recsys.precision_at_k(anyarray, anyarray, int4) IS
'relevant items among the first k of the list, divided by k; NULL where nothing is relevant; 22023 for a list with duplicates or k < 1';

CREATE FUNCTION recsys.recall_at_k(ranked anyarray, relevant anyarray, k int4) RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_recall_at_k';
COMMENT ON FUNCTION recsys.recall_at_k(anyarray, anyarray, int4) IS
'relevant items among the first k of the list, divided by the number of relevant items; NULL where nothing is relevant';

CREATE FUNCTION recsys.capped_recall_at_k(ranked anyarray, relevant anyarray, k int4) RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_capped_recall_at_k';
COMMENT ON FUNCTION recsys.capped_recall_at_k(anyarray, anyarray, int4) IS
'relevant items among the first k of the list, divided by min(k, number of relevant items); NULL where nothing is relevant';

CREATE FUNCTION recsys.ndcg_at_k(ranked anyarray, relevant anyarray, k int4) RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_ndcg_at_k';
COMMENT ON FUNCTION recsys.ndcg_at_k(anyarray, anyarray, int4) IS
'normalised discounted cumulative gain with binary relevance: sum of 1/log2(place + 1) over hits, divided by the same sum of min(k, relevant) hits on top; NULL where nothing is relevant (Jarvelin, Kekalainen 2002)';

CREATE FUNCTION recsys.average_precision_at_k(ranked anyarray, relevant anyarray, k int4) RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_average_precision_at_k';
COMMENT ON FUNCTION recsys.average_precision_at_k(anyarray, anyarray, int4) IS
'sum of the precision at each hit within the first k, divided by min(k, number of relevant items); NULL where nothing is relevant';

CREATE FUNCTION recsys.reciprocal_rank(ranked anyarray, relevant anyarray, k int4 DEFAULT NULL) RETURNS float8
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_reciprocal_rank';
COMMENT ON FUNCTION recsys.reciprocal_rank(anyarray, anyarray, int4) IS
'1 / place of the first relevant item, 0 where there is none within the first k (k NULL: in the whole list); NULL where nothing is relevant';

CREATE FUNCTION recsys.hit_at_k(ranked anyarray, relevant anyarray, k int4) RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_hit_at_k';
COMMENT ON FUNCTION recsys.hit_at_k(anyarray, anyarray, int4) IS
'1 if a relevant item is among the first k, else 0; NULL where nothing is relevant';
