# How good lists are: the funnel beside methods that are tuned as it is, on
# Online Retail, goodbooks and MovieLens, what rules do to lists of the built-in
# shop, and how near scores are to probabilities.  Sourced by bench.sh.  Figures
# do not hang on the machine, but for the last digits.

TRIALS=${TRIALS:-12}			# of each search
SEEDS="1 2 3 4 5"				# of random splits
CUTOFFS="2011-07-11 2011-08-11 2011-09-11 2011-10-11 2011-11-11"

part_quality() {
	psql -X -f test/bench/quality_shop.sql
	note "$(sql "SELECT ndcg FROM quality_rules WHERE place = 1")" "" "shop, no rule: NDCG@10" \
		"$(sql "SELECT ndcg FROM quality_evaluation WHERE NOT again")" "" "evaluation" '>= 0.999'
	note "$(sql "SELECT ndcg FROM quality_rules WHERE place = 10")" "" "repeatable shop, no rule: NDCG@10" \
		"$(sql "SELECT ndcg FROM quality_evaluation WHERE again")" "" "evaluation" '>= 0.999'
	note "$(sql "SELECT categories FROM quality_rules WHERE place = 2")" "" "max_per_category: categories in 10" \
		"$(sql "SELECT categories FROM quality_rules WHERE place = 1")" "" "no rule" '>= 1'
	note "$(sql "SELECT similarity FROM quality_rules WHERE place = 3")" "" "diversity: similarity in 10" \
		"$(sql "SELECT similarity FROM quality_rules WHERE place = 1")" "" "no rule" '<= 1'
	note "$(sql "SELECT days FROM quality_rules WHERE place = 5")" days "freshness .5: age of items" \
		"$(sql "SELECT days FROM quality_rules WHERE place = 1")" days "no rule" '<= 1'
	for rule in "6 predicate" "7 boost"; do
		note "$(sql "SELECT counted FROM quality_rules WHERE place = ${rule% *}")" "" "${rule#* }: items in 10 that it asks for" \
			"$(sql "SELECT counted_base FROM quality_rules WHERE place = ${rule% *}")" "" "no rule" '>= 1'
	done
	note "$(sql "SELECT counted FROM quality_rules WHERE place = 8")" "" "pin: share of lists with it in its place" "" "" "" '>= 1'
	for rule in "9 ban" "11 rebuy_after"; do
		note "$(sql "SELECT counted FROM quality_rules WHERE place = ${rule% *}")" "" "${rule#* }: items in 10 that it leaves out" \
			"$(sql "SELECT counted_base FROM quality_rules WHERE place = ${rule% *}")" "" "no rule" '<= 0'
	done
	note "$(sql "SELECT coverage FROM quality_rules WHERE place = 13")" "" "explore: coverage@10" \
		"$(sql "SELECT coverage FROM quality_rules WHERE place = 12")" "" "no rule" '>= 1'
	note_calibration "the built-in shop"
	quality_beside
}

# the mean distance of score and observed share, by tenths, for data $1
note_calibration() {
	for population in "returned" "all users"; do
		of="FROM quality_calibration WHERE (label, population) = ('$1', '$population')"
		note "$(sql "SELECT sum(candidates * abs(score - share)) / sum(candidates) $of")" "" "$1, $population: calibration error" \
			"$(sql "SELECT sum(relevant) / sum(candidates) $of")" "" "share that is relevant"
	done
}

# Lists beside those of single methods, in repetitions.  Online Retail has five
# months, each judged by what was bought in it; twice, as a shop where what one
# has is not listed again (protocol new), and as one where it is (all).
# goodbooks has no times, and MovieLens few users on both sides of a cutoff, so
# they have random splits, which validate nothing about the future: of a fifth of
# the readers each, who are trained on by themselves; and of all users.
quality_beside() {
	sql "CREATE TABLE quality_run (run_id int8, recommender text, again boolean, random boolean, repetition text, policy text, validation float8);
		CREATE TABLE quality_user_value (run_id int8, protocol text, user_id int4, policy text, value float8)"
	if load_data online_retail invoice_line.csv.gz; then
		for again in false true; do
			for cutoff in $CUTOFFS; do
				repeat quality_month retail "$cutoff" "$cutoff" false 1
			done
		done
		# the last month once more, by a model that is stored
		sql "SELECT FROM recsys.alter_recommender('retail', repeatable => false);
			SELECT FROM recsys.train('retail', cutoff => '$cutoff')"
		psql -X -v recommender=retail -v cutoff="$cutoff" -v label="Online Retail" -v sample=3 -f test/bench/quality_calibration.sql
		note_calibration "Online Retail"
	fi
	again=false
	if load_data goodbooks rating.csv.gz; then
		for seed in $SEEDS; do
			sql "SELECT FROM recsys.alter_recommender('books', filter => 'user_id % 5 = $((seed - 1))')"
			repeat quality_tuned books "readers, part $seed" "" true "$seed"
		done
	fi
	if load_data movielens; then
		for seed in $SEEDS; do repeat quality_tuned movies "seed $seed" "" true "$seed"; done
		repeat quality_tuned movies "last tenth" "" false 1
	fi
	psql -X -v trials="$TRIALS" -f test/bench/quality_pooled.sql
	for place in 1 2 4 5; do
		for settings in default tuned; do
			of="FROM quality_pooled JOIN quality_question USING (question) WHERE (place, settings, chosen) = ($place, '$settings', 'test')"
			question=$(sql "SELECT question $of")
			[ -n "$question" ] || continue
			note "$(sql "SELECT ahead $of")" "" "$question: $settings funnel ahead, of 5" "" "" "" '>= 4'
			note "$(sql "SELECT lower $of")" "" "$question: $settings, difference, lower end" "" "" "" '>= 0'
		done
	done
}

# the tables and the recommender of demo $1, in a schema of its name; says why
# where its file $2 is not to be had
load_data() {
	file=${DATA_DIR:-data}/$1/${2:-}
	case $file in /*) ;; *) file=$here/$file ;; esac
	if [ "$1" = movielens ]; then
		sh test/deps.sh demo movielens >&2 || { say "# skipped: MovieLens"; return 1; }
	elif [ ! -r "$file" ]; then
		say "# skipped: no $1/$2 in DATA_DIR"
		return 1
	fi
	sql "CREATE SCHEMA $1"
	read_data "$1" "$file" | PGOPTIONS="-c search_path=$1 -c client_min_messages=warning" \
		psql -Xq -v ON_ERROR_STOP=1 -f "test/demo/$1.sql" >/dev/null || die "# $1 could not be loaded"
}

# script $1 for recommender $2, repetition $3: the split at cutoff $4, or where
# $5 is true a random one by seed $6
repeat() {
	psql -XAtq -v ON_ERROR_STOP=1 -v recommender="$2" -v repetition="$3" -v cutoff="$4" -v random="$5" -v seed="$6" \
		-v again=$again -v trials="$TRIALS" -v memory="$MEMORY" -o /dev/null -f "test/bench/$1.sql"
}
