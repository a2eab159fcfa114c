-- goodbooks-10k: 981,756 ratings of books, without times, and the books' titles,
-- as two CSV files on standard input.  Explicit feedback: every rating is
-- learned from, one of 4 or more is a positive, and rated books leave the lists.

CREATE TABLE rating (user_id int, book_id int, rating int);
\copy rating from pstdin (format csv, header)
CREATE TABLE book (
	book_id int PRIMARY KEY,
	title text,
	authors text,
	publication_year int,
	average_rating float8,
	ratings_count int8
);
\copy book from pstdin (format csv, header)
CREATE INDEX ON rating (user_id);
CREATE INDEX ON rating (book_id);
VACUUM ANALYZE rating, book;

SELECT recsys.create_recommender('books', source => 'rating',
	user_column => 'user_id', item_column => 'book_id', value_column => 'rating',
	feedback => 'explicit', min_value => 4, settings => '{"relevant": "positive"}',
	catalog => 'book') \g /dev/null

CREATE TABLE demo_about AS
SELECT E'goodbooks-10k: 981,756 ratings of 10,000 books by 53,424 people; 4 stars and more are a positive\nNo times, so the split is random.'::text AS what,
	', random_split => true, memory => ''1 GB'''::text AS retrain,
	'liked'::text AS does;
