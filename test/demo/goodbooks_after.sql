-- Ratings themselves: a model of them beside those of what was liked.

\set ECHO none
\pset pager off
\pset footer off
\pset border 1
SELECT does FROM demo_about \gset

\qecho
\qecho 'LISTS BY PREDICTED RATINGS'
\qecho
\qecho 'Who ranks by the rating that a reader would give lists good books that few'
\qecho 'know. Which books a reader takes up is another question, and the better one to'
\qecho 'rank by; ratings are for telling how they will be liked.'
\qecho
SELECT recsys.evaluate('books', policies => '{factors,ratings}', random_split => true, memory => '1 GB') \g /dev/null
\ir leaderboard.sql
\ir ratings.sql
