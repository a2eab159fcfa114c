-- MovieLens: 100,004 ratings of films, with times, from the package dslabs of
-- R, as CSV on standard input.  Explicit feedback: every rating is learned from
-- where ratings are asked for, one of 4 or more is a positive; every rated film
-- counts as seen and leaves the lists.

CREATE TABLE movielens (
	user_id int,
	movie_id int,
	rating float8,
	rated_epoch int8,
	title text,
	year int,
	genres text
);
\copy movielens from pstdin (format csv, header)

CREATE TABLE movie AS
SELECT DISTINCT movie_id, title || coalesce(' (' || year || ')', '') AS title,
	nullif(split_part(genres, '|', 1), '(no genres listed)') AS category, genres
FROM movielens;
ALTER TABLE movie ADD PRIMARY KEY (movie_id);
CREATE TABLE rating AS
SELECT user_id, movie_id, rating, to_timestamp(rated_epoch) AS rated_at FROM movielens;
CREATE INDEX ON rating (user_id, rated_at);
CREATE INDEX ON rating (movie_id, rated_at);
DROP TABLE movielens;
VACUUM ANALYZE rating, movie;

SELECT recsys.create_recommender('movies', source => 'rating',
	user_column => 'user_id', item_column => 'movie_id', time_column => 'rated_at',
	value_column => 'rating', feedback => 'explicit', min_value => 4, settings => '{"relevant": "positive"}',
	catalog => 'movie') \g /dev/null

CREATE TABLE demo_about AS
SELECT 'MovieLens: 100,004 ratings of 9,066 films by 671 people; 4 stars and more are a positive'::text AS what,
	''::text AS retrain,
	'liked'::text AS does;
