-- One month of Online Retail, judged by the month that follows the cutoff.

SELECT recsys.alter_recommender('retail', repeatable => :'again', filter => format(
	$$invoice !~ '^C' AND unit_price > 0 AND stock_code ~ '^[0-9]{5}' AND invoiced_at < %L$$, timestamptz :'cutoff' + interval '1 month'));
\ir quality_tuned.sql
