-- demo_visits: simulated users of a demo shop, who click by their planted tastes

CREATE FUNCTION recsys.demo_click_chance(taste float4[], product_taste float4[],
	appeal float8, place int)
RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	-- the weight that a pick is drawn by, against the weight of no pick
	SELECT 1 / (place * (1 + exp(-1 - recsys.dot(taste, product_taste) - appeal)));
END;

COMMENT ON FUNCTION recsys.demo_click_chance(float4[], float4[], float8, int)
IS 'planted truth of a demo shop: how likely a person (customer_taste.taste) clicks on a product (product_taste.taste, appeal) at a place of a list, from 1 on: 1 / place, that it is looked at (Joachims, Swaminathan and Schnabel, WSDM 2017), times w / (w + e^-1), that it is liked then, where w = exp(sum(taste * product_taste) + appeal) is what the shop''s picks are drawn by';

CREATE FUNCTION recsys._check_demo_visits(schema name, recommender name,
	visits int, k int, seed int8)
RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	r recsys.recommender;
BEGIN
	IF num_nulls(schema, recommender, k, seed) > 0 THEN
		RAISE EXCEPTION 'schema, recommender, k and seed must not be NULL'
			USING ERRCODE = '22004';
	ELSIF visits < 0 THEN
		RAISE EXCEPTION 'visits is %, must not be negative', visits
			USING ERRCODE = '22023';
	END IF;
	IF to_regclass(format('%I.customer_taste', schema)) IS NULL
		OR to_regclass(format('%I.product_taste', schema)) IS NULL THEN
		RAISE EXCEPTION 'schema "%" holds no demo shop', schema
			USING ERRCODE = '42P01',
			HINT = format('SELECT * FROM recsys.demo_shop(%L) makes one, if there is no such schema yet.', schema);
	END IF;
	r := recsys._recommender(recommender);
	IF (r.user_type, r.item_type) <> ('int8'::regtype, 'int4'::regtype) THEN
		RAISE EXCEPTION 'recommender "%" is not one of demo shop "%"', recommender, schema
			USING ERRCODE = '22023',
			HINT = format('Its source must be %I.event or a view of it, with the columns user_id and product_id.', schema);
	END IF;
END
$$;

COMMENT ON FUNCTION recsys._check_demo_visits(name, name, int, int, int8)
IS 'raises an error that says what is wrong with the arguments of demo_visits';

CREATE PROCEDURE recsys.demo_visits(schema name, recommender name,
	visits int DEFAULT NULL, k int DEFAULT 10, seed int8 DEFAULT 1)
LANGUAGE plpgsql
AS $$
DECLARE
	persons int8[];
	visitors int8[];
	batch int;
	visit text;
BEGIN
	PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
	CALL recsys._check_nonatomic('demo_visits');
	PERFORM recsys._check_demo_visits(schema, recommender, visits, k, seed);
	EXECUTE format('SELECT array_agg(user_id ORDER BY user_id) FROM %I.customer_taste',
				   schema) INTO persons;
	-- nobody comes twice at one instant
	batch := least(20, cardinality(persons));
	-- one draw decides how far it goes: of clicks .35 are put into the cart,
	-- and of these .6 are bought, as in the shop's own past
	visit := format($visit$
		WITH shown AS MATERIALIZED (
			SELECT v.user_id, v.n, s.rank, s.item_id
			FROM unnest($1) WITH ORDINALITY v (user_id, n),
				%2$I.serve(v.user_id, k => $3, placement => 'demo') s
		)
		INSERT INTO %1$I.event (user_id, product_id, event, quantity, price, happened_at)
		SELECT s.user_id, s.item_id, e.event, 1, p.price,
			now() + (4 * s.rank + e.step) * interval '1 millisecond'
		FROM shown s
		JOIN %1$I.customer_taste c ON c.user_id = s.user_id
		JOIN %1$I.product_taste t ON t.product_id = s.item_id
		JOIN %1$I.product p ON p.product_id = s.item_id
		JOIN (VALUES (0, 'view', 1), (1, 'cart', 0.35), (2, 'purchase', 0.21))
			e (step, event, share)
			ON recsys.bucket($4, format('%%s/%%s', $2 + s.n, s.rank)) < e.share
				* recsys.demo_click_chance(c.taste, t.taste, t.appeal, s.rank)
		ORDER BY s.n, s.rank, e.step$visit$, schema, recommender);
	FOR before IN 0 .. coalesce(visits, cardinality(persons)) - 1 BY batch LOOP
		COMMIT;
		PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
		SELECT array_agg(persons[n % cardinality(persons) + 1] ORDER BY n) INTO visitors
		FROM generate_series(before, least(before + batch, coalesce(visits, cardinality(persons))) - 1) n;
		EXECUTE visit USING visitors, before, k, format('demo_visits/%s', seed);
	END LOOP;
END
$$;

COMMENT ON PROCEDURE recsys.demo_visits(name, name, int, int, int8)
IS 'has simulated users visit a demo shop: they are shown lists of a recommender over its events, and click by their planted tastes.

Arguments: schema = of the shop that recsys.demo_shop has made; recommender = whose source is its table event; visits (null: each person once): persons take turns, in the order of their ids; k = length of a list; seed: of what is drawn, so that the same lists get the same clicks.

In each visit SHOP.serve(person, k => k, placement => ''demo'') makes the list, so that running experiments assign the person and all is logged; then the person clicks on each place with the probability of recsys.demo_click_chance, independently of the others. A click is a row view of the shop''s table event, 4 milliseconds a place after the request; 35 % of clicks are followed by cart, and 60 % of these by purchase, as in the shop''s past. Twenty visits share a transaction, and thereby an instant. Bots and staff stay away, and no dirt is made. An arm whose policy is external shows nothing. Who comes again while the attribution of an earlier list still runs may be counted for both lists.

Errors: 42P01 where the schema holds no demo shop, 42704 for an unknown recommender, 22023 for one whose ids are not those of the shop, 22004 for a null argument. Commits, so not inside a transaction block. The caller needs what an app needs to call serve, SELECT on the shop''s tables and INSERT on event.';
