# How good lists are: the funnel beside methods that are tuned as it is, on
# Online Retail, and what rules do to lists of the built-in shop.  Sourced by
# bench.sh.  Figures do not hang on the machine, but for the last digits.

TRIALS=${TRIALS:-12}			# of each search
CUTOFFS="2011-07-11 2011-08-11 2011-09-11 2011-10-11 2011-11-11"

part_quality() {
	psql -X -f test/bench/quality_shop.sql
	note "$(sql "SELECT ndcg FROM quality_rules WHERE place = 1")" "" "shop, no rule: NDCG@10" \
		"$(sql "SELECT ndcg FROM quality_evaluation")" "" "evaluation" '>= 0.999'
	note "$(sql "SELECT categories FROM quality_rules WHERE place = 2")" "" "max_per_category: categories in 10" \
		"$(sql "SELECT categories FROM quality_rules WHERE place = 1")" "" "no rule" '>= 1'
	note "$(sql "SELECT similarity FROM quality_rules WHERE place = 3")" "" "diversity: similarity in 10" \
		"$(sql "SELECT similarity FROM quality_rules WHERE place = 1")" "" "no rule" '<= 1'
	note "$(sql "SELECT days FROM quality_rules WHERE place = 5")" days "freshness .5: age of items" \
		"$(sql "SELECT days FROM quality_rules WHERE place = 1")" days "no rule" '<= 1'
	note "$(sql "SELECT coverage FROM quality_rules WHERE place = 8")" "" "explore: coverage@10" \
		"$(sql "SELECT coverage FROM quality_rules WHERE place = 7")" "" "no rule" '>= 1'
	quality_retail
}

# Five months, each judged by what was bought in it; twice, as a shop where what
# one has is not listed again (protocol new), and as one where it is (all).
quality_retail() {
	folder=${DATA_DIR:-data}
	case $folder in /*) ;; *) folder=$here/$folder ;; esac
	file=$folder/online_retail/invoice_line.csv.gz
	if [ ! -r "$file" ]; then
		say "# skipped: no online_retail/invoice_line.csv.gz in DATA_DIR"
		return 0
	fi
	gzip -dc "$file" | psql -Xq -v ON_ERROR_STOP=1 -f test/demo/online_retail.sql >/dev/null 2>&1
	sql "CREATE TABLE quality_run (again boolean, cutoff date, run_id int8, policy text, validation float8)"
	for again in false true; do
		for cutoff in $CUTOFFS; do
			psql -XAtq -v ON_ERROR_STOP=1 -v again=$again -v cutoff="$cutoff" -v trials="$TRIALS" -v memory="$MEMORY" \
				-o /dev/null -f test/bench/quality_month.sql
		done
	done
	psql -X -v trials="$TRIALS" -f test/bench/quality_retail.sql
	for question in new all; do
		for settings in default tuned; do
			of="(question, settings, chosen) = ('$question', '$settings', 'test')"
			note "$(sql "SELECT ahead FROM quality_pooled WHERE $of")" months "$question: $settings funnel ahead of the best, of 5" "" "" "" '>= 4'
			note "$(sql "SELECT lower FROM quality_pooled WHERE $of")" "" "$question: $settings, difference, lower end" "" "" "" '>= 0'
		done
	done
}
