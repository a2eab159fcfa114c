-- demo_shop: an invented shop to try everything on

CREATE FUNCTION recsys._demo_products(users int, items int, interactions int,
	seed int8, taste float8, days int, until timestamptz, dirt float8, bots int)
RETURNS TABLE(product_id int, title text, category text, price numeric,
	released_at timestamptz, available boolean, vector float4[], appeal float8)
AS 'MODULE_PATHNAME', 'recsys_demo_products'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION recsys._demo_products(int, int, int, int8, float8, int,
	timestamptz, float8, int)
IS 'internal: products of a demo shop, with their planted vector (8 numbers, length 1) and log popularity';

CREATE FUNCTION recsys._demo_customers(users int, items int, interactions int,
	seed int8, taste float8, days int, until timestamptz, dirt float8, bots int)
RETURNS TABLE(user_id int8, kind text, segment text, vector_end float4[],
	vector_start float4[])
AS 'MODULE_PATHNAME', 'recsys_demo_customers'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION recsys._demo_customers(int, int, int, int8, float8, int,
	timestamptz, float8, int)
IS 'internal: accounts of a demo shop, with their planted vectors (8 numbers each; NULL unless a person)';

CREATE FUNCTION recsys._demo_events(users int, items int, interactions int,
	seed int8, taste float8, days int, until timestamptz, dirt float8, bots int)
RETURNS TABLE(user_id int8, product_id int, event text, quantity int,
	price numeric, happened_at timestamptz)
AS 'MODULE_PATHNAME', 'recsys_demo_events'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 100000;

COMMENT ON FUNCTION recsys._demo_events(int, int, int, int8, float8, int,
	timestamptz, float8, int)
IS 'internal: events of a demo shop, account by account';

CREATE FUNCTION recsys.demo_shop(schema name, users int DEFAULT 2000,
	items int DEFAULT 1000, interactions int DEFAULT 100000,
	seed int8 DEFAULT 1, taste float8 DEFAULT 1, days int DEFAULT 180,
	until timestamptz DEFAULT '2026-01-01 00:00:00+00', dirt float8 DEFAULT 1,
	bots int DEFAULT NULL)
RETURNS TABLE(relation regclass, rows int8)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	fill text;
	part text;
BEGIN
	IF num_nulls(schema, users, items, interactions, seed, taste, days, until,
				 dirt) > 0 THEN
		RAISE null_value_not_allowed USING
			MESSAGE = 'arguments of a demo shop must not be null',
			HINT = 'Leave an argument out to get its default; only bots may be null.';
	END IF;

	-- .5 % of the users, but two at least and not so many that each has little
	-- to do, where the shop is to be dirty
	bots := coalesce(bots, CASE WHEN dirt > 0
		THEN greatest(2, least(users * .005, interactions / 6000.0)::int)
		ELSE 0 END);

	EXECUTE format('CREATE SCHEMA %I', schema);
	EXECUTE format($ddl$
		COMMENT ON SCHEMA %1$I IS
			'an invented shop, made by recsys.demo_shop: event, product, customer; customer_taste and product_taste hold the planted truth';

		CREATE TABLE %1$I.product (
			product_id int PRIMARY KEY,
			title text NOT NULL,
			category text NOT NULL,
			price numeric(10,2) NOT NULL,
			released_at timestamptz NOT NULL,
			available boolean NOT NULL
		);
		COMMENT ON TABLE %1$I.product IS 'what the shop sells';
		COMMENT ON COLUMN %1$I.product.product_id IS 'from 1';
		COMMENT ON COLUMN %1$I.product.title IS 'name in English, unique';
		COMMENT ON COLUMN %1$I.product.category IS 'one of 12; stationery, bath, tea and coffee, and sweets are consumed and bought again';
		COMMENT ON COLUMN %1$I.product.price IS 'of one piece';
		COMMENT ON COLUMN %1$I.product.released_at IS 'from when on it is sold; about 15 %% are released while the shop runs';
		COMMENT ON COLUMN %1$I.product.available IS 'false: sold once, no more (about 2 %%)';

		CREATE TABLE %1$I.product_taste (
			product_id int PRIMARY KEY REFERENCES %1$I.product,
			taste float4[] NOT NULL,
			appeal float8 NOT NULL
		);
		COMMENT ON TABLE %1$I.product_taste IS
			'planted truth: at the end of the time a person picks a product with a probability proportional to exp(sum(customer_taste.taste * product_taste.taste) + appeal) among the available ones';
		COMMENT ON COLUMN %1$I.product_taste.product_id IS 'the product';
		COMMENT ON COLUMN %1$I.product_taste.taste IS '8 numbers, length 1, near the centre of the category';
		COMMENT ON COLUMN %1$I.product_taste.appeal IS 'natural logarithm of the popularity, in the last sixteenth of the time';

		CREATE TABLE %1$I.customer (
			user_id int8 PRIMARY KEY,
			kind text NOT NULL,
			segment text
		);
		COMMENT ON TABLE %1$I.customer IS 'accounts, and what they truly are';
		COMMENT ON COLUMN %1$I.customer.user_id IS 'from 1: persons, then bots, then staff';
		COMMENT ON COLUMN %1$I.customer.kind IS 'planted truth: person, bot or staff';
		COMMENT ON COLUMN %1$I.customer.segment IS 'planted truth: the favourite category of a person; null for others';

		CREATE TABLE %1$I.customer_taste (
			user_id int8 PRIMARY KEY REFERENCES %1$I.customer,
			taste float4[] NOT NULL,
			taste_at_start float4[] NOT NULL
		);
		COMMENT ON TABLE %1$I.customer_taste IS 'planted truth: the tastes of persons, which move in a straight line from start to end; see product_taste';
		COMMENT ON COLUMN %1$I.customer_taste.user_id IS 'the person';
		COMMENT ON COLUMN %1$I.customer_taste.taste IS 'at the end of the time: 8 numbers, about 4 long times the shop''s taste';
		COMMENT ON COLUMN %1$I.customer_taste.taste_at_start IS 'the same at the start of the time';

		CREATE TABLE %1$I.event (
			user_id int8,
			product_id int,
			event text NOT NULL,
			quantity int NOT NULL,
			price numeric(10,2),
			happened_at timestamptz
		);
		COMMENT ON TABLE %1$I.event IS 'what happened, in the order of time, as an application logged it, with its dirt';
		COMMENT ON COLUMN %1$I.event.user_id IS 'account; null where the log lost it';
		COMMENT ON COLUMN %1$I.event.product_id IS 'product; null where the log lost it';
		COMMENT ON COLUMN %1$I.event.event IS 'view, cart or purchase';
		COMMENT ON COLUMN %1$I.event.quantity IS 'pieces; 1 for views, negative for a purchase that came back';
		COMMENT ON COLUMN %1$I.event.price IS 'of one piece; null where the product is';
		COMMENT ON COLUMN %1$I.event.happened_at IS 'null where the log lost it; 40 years ahead where a clock was wrong';
		$ddl$, schema);

	-- events in the order of time, as a log grows
	FOREACH fill IN ARRAY ARRAY[
		'event SELECT * FROM recsys._demo_events%s
			ORDER BY happened_at, user_id, product_id',
		'product SELECT product_id, title, category, price, released_at,
			available FROM recsys._demo_products%s',
		'product_taste SELECT product_id, vector, appeal
			FROM recsys._demo_products%s',
		'customer SELECT user_id, kind, segment FROM recsys._demo_customers%s',
		'customer_taste SELECT user_id, vector_end, vector_start
			FROM recsys._demo_customers%s WHERE kind = ''person''']
	LOOP
		EXECUTE format('INSERT INTO %I.' || fill, schema,
					   '($1, $2, $3, $4, $5, $6, $7, $8, $9)')
		USING users, items, interactions, seed, taste, days, until, dirt, bots;
	END LOOP;
	EXECUTE format('CREATE INDEX ON %I.event (user_id, happened_at DESC)',
				   schema);
	EXECUTE format('CREATE INDEX ON %I.event (product_id, happened_at DESC)',
				   schema);
	EXECUTE format('CREATE INDEX ON %I.product (released_at)', schema);

	FOREACH part IN ARRAY '{event,product,customer,customer_taste,product_taste}'::text[]
	LOOP
		relation := format('%I.%I', schema, part)::regclass;
		EXECUTE format('ANALYZE %s', relation);
		EXECUTE format('SELECT count(*) FROM %s', relation) INTO rows;
		RETURN NEXT;
	END LOOP;
END
$$;

COMMENT ON FUNCTION recsys.demo_shop(name, int, int, int, int8, float8, int,
	timestamptz, float8, int)
IS 'makes an invented shop in a new schema and returns its tables with their rows.

Arguments: users = persons (1 to 10 million); items (2 to 1 million); interactions = rows of event, about; seed: same arguments, same rows; taste = strength of personal taste, 0 to 5; days = length of the time, 7 to 3650; until = its end; dirt = factor to the shares of dirt, 0 (none) to 20; bots = how many (null: .5 % of users, at most one per 6000 interactions, at least 2; none without dirt).

Tables: event (user_id, product_id, event, quantity, price, happened_at), indexed by (user_id, happened_at) and (product_id, happened_at), product, customer, and the planted truth in customer_taste and product_taste.

What is planted:
- tastes: at time t (0 = start, 1 = end) a person picks product i among those sold then with a probability proportional to exp(p(t).q + a(t)): q = product_taste.taste, unit length, near the centre of its category; p(t) = (1 - t) taste_at_start + t taste of customer_taste, about 4 long times the argument taste, led by a favourite category (customer.segment) and a second one; a = log popularity, product_taste.appeal at the end. Ranking by p.q + a is the best that can be done (the oracle). With taste 0 nobody has a taste, and popularity is the oracle but for its drift;
- long tails: popularity falls with rank as (rank + 8)^-0.9; activity is log-normal (sigma 1, at most 9 times the median);
- drift: tastes turn by about a quarter of their length, each product gains or loses (sigma 15 % per half of the time), 15 % of products are released midway, 2 % leave (available = false), 30 % of persons join midway;
- sessions of 1 to 10 picks, mostly in the evening (UTC): view, then cart (35 %), then purchase (60 % of carts), within minutes and with the same chances for every product; durable products are bought once per person, consumable ones again after 5 days or more;
- dirt, shares at dirt 1: user null 1 %, product null .1 %, time null .05 %, clock 40 years ahead .02 %, exact duplicates .5 % of persons'' rows; returns (negative quantity, 1 to 14 days later) 1.5 % of purchases;
- bots, a tenth of the rows or so: only views, of one product after the other; most read 600 pages in an hour, every eighth 500 in a day, slowly (fewer in a shop too small for that);
- staff, one account per 1000 users where dirt > 0: the same three products bought over and over.

Errors: 42P06 where the schema exists, 22023 for an argument out of its range, 22004 for a null one. The caller needs CREATE on the database and owns what is made.';
