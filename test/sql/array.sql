-- array: dot and norm of float4 arrays
\set SHOW_CONTEXT never

-- by hand: 1*4 + 2*5 + 3*6 = 32, sqrt(9 + 16) = 5
SELECT recsys.dot('{1,2,3}', '{4,5,6}') AS dot, recsys.norm('{3,4}') AS norm;
SELECT recsys.dot(a => '{1,-1}', b => '{2,2}') AS zero, recsys.norm(a => '{-2}') AS two;
SELECT recsys.dot('{1}', '{1}') \gdesc

-- vectors of no numbers
SELECT recsys.dot('{}', '{}') AS dot, recsys.norm('{}') AS norm;

-- NULL gives NULL
SELECT recsys.dot(NULL, '{1}') IS NULL AS dot_a, recsys.dot('{1}', NULL) IS NULL AS dot_b,
	recsys.norm(NULL) IS NULL AS norm;

-- subscripts do not matter
SELECT recsys.dot('[0:2]={1,2,3}', '[5:7]={4,5,6}') AS dot, recsys.norm('[-1:0]={3,4}') AS norm;

-- every length has its own tail: 1 + 2 + ... + n, and sqrt(n)
SELECT n, recsys.dot(array_agg(i::float4), array_agg(1::float4)) = n * (n + 1) / 2 AS dot,
	recsys.norm(array_agg(1::float4)) = sqrt(n) AS norm
FROM generate_series(1, 40) n, generate_series(1, n) i
GROUP BY n
HAVING recsys.dot(array_agg(i::float4), array_agg(1::float4)) <> n * (n + 1) / 2
	OR recsys.norm(array_agg(1::float4)) <> sqrt(n);

-- summed in double precision: in single precision 16777216 + 1 is 16777216,
-- and the squares of 1e30 are infinite
SELECT recsys.dot('{16777216,1}', '{1,1}') AS dot,
	abs(recsys.norm('{3e30,4e30}') / 5e30 - 1) < 1e-6 AS norm;
-- so is a compressed or toasted vector of 10000 numbers
CREATE TABLE array_vector (v float4[]);
INSERT INTO array_vector SELECT array_agg(i % 7) FROM generate_series(0, 9999) i;
SELECT pg_column_size(v) < 10000 AS compressed, recsys.dot(v, v) AS dot,
	recsys.norm(v) = sqrt((SELECT sum(x ^ 2) FROM array_vector, unnest(v) x)) AS norm
FROM array_vector;
DROP TABLE array_vector;

-- NaN and infinity do as in other arithmetic
SELECT recsys.dot('{NaN,1}', '{1,1}') AS nan, recsys.dot('{Infinity,1}', '{1,1}') AS inf,
	recsys.dot('{Infinity,-Infinity}', '{1,1}') AS difference, recsys.dot('{Infinity}', '{0}') AS product,
	recsys.norm('{-Infinity}') AS norm_inf, recsys.norm('{NaN}') AS norm_nan;

-- errors
SELECT recsys.dot('{1,2}', '{1,2,3}'); \echo :SQLSTATE
SELECT recsys.dot('{}', '{1}'); \echo :SQLSTATE
SELECT recsys.dot('{1,NULL}', '{1,2}'); \echo :SQLSTATE
SELECT recsys.dot('{1,2}', '{NULL,2}'); \echo :SQLSTATE
SELECT recsys.norm('{NULL}'); \echo :SQLSTATE
SELECT recsys.dot('{{1,2},{3,4}}', '{{1,2},{3,4}}'); \echo :SQLSTATE
SELECT recsys.norm('{{1}}'); \echo :SQLSTATE
