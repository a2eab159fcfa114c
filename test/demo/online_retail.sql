-- UCI Online Retail: every invoice line of a gift shop in the United Kingdom,
-- December 2010 to December 2011, as it is, dirt and all.  The CSV comes on
-- standard input.

CREATE TABLE invoice_line (
	invoice text,
	stock_code text,
	description text,
	quantity int,
	invoiced_at timestamptz,
	unit_price numeric,
	customer_id int,
	country text
);
\copy invoice_line from pstdin (format csv, header)
CREATE INDEX ON invoice_line (customer_id, invoiced_at);
CREATE INDEX ON invoice_line (stock_code, invoiced_at);

-- descriptions vary: the most frequent one is the title
CREATE TABLE product AS
SELECT DISTINCT ON (stock_code) stock_code, description AS title
FROM (SELECT stock_code, trim(description) AS description, count(*) AS lines
	FROM invoice_line WHERE unit_price > 0 AND trim(description) <> ''
	GROUP BY 1, 2) d
ORDER BY stock_code, lines DESC, description;
ALTER TABLE product ADD PRIMARY KEY (stock_code);
VACUUM ANALYZE invoice_line, product;

-- cancellations, gifts without a price, and postage and the like are no
-- purchases; NULL customers and negative quantities have rules of their own
SELECT recsys.create_recommender('retail', source => 'invoice_line',
	user_column => 'customer_id', item_column => 'stock_code', time_column => 'invoiced_at',
	value_column => 'quantity', catalog => 'product',
	filter => $$invoice !~ '^C' AND unit_price > 0 AND stock_code ~ '^[0-9]{5}'$$) \g /dev/null

CREATE TABLE demo_about AS
SELECT 'UCI Online Retail: the invoice lines of a gift shop in the United Kingdom, 2010-12 to 2011-12'::text AS what,
	', cutoff => ''2011-11-11 00:00:00Z'''::text AS retrain,
	'bought'::text AS does;
