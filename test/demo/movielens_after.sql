-- The same methods by a random split, because a cutoff in time leaves few users
-- to judge by: people of this sample rate their films in one sitting.  And how
-- well the ratings themselves are predicted.

\set ECHO none
\pset pager off
\pset footer off
\pset border 1
SELECT cutoff, users AS scored FROM recsys.leaderboard WHERE recommender = 'movies' LIMIT 1 \gset
SELECT count(*) AS people, count(*) FILTER (WHERE first < :'cutoff' AND last >= :'cutoff') AS both
FROM (SELECT min(rated_at) AS first, max(rated_at) AS last FROM rating GROUP BY user_id) u \gset
SELECT does FROM demo_about \gset

\qecho
\qecho 'THE SAME BY A RANDOM SPLIT'
\qecho
\qecho 'People of this sample rate their films in one sitting:' :both 'of' :people 'did so on both sides'
\qecho 'of the cutoff, and' :scored 'could be scored, so the intervals above are wide. A random'
\qecho 'split scores nearly all, and tells the methods apart, though not the future.'
\qecho
SELECT recsys.evaluate('movies', policies => '{default,ratings}', random_split => true) \g /dev/null
\ir leaderboard.sql
\ir ratings.sql
