# What the benchmarks measure: one function for each part, for the size set by
# size_of.  Sourced by bench.sh; the tools are in tools.sh.

# the interactions, and a recommender over them with every default rule
part_data() {
	sql "CREATE SCHEMA $size; CREATE UNLOGGED TABLE $size.event (user_id int8, item_id int8, event text, quantity int4, happened_at timestamptz)"
	began_at=$(date +%s.%N)
	build/bench/generate "$users" "$items" "$rows" |
		psql -Xq -v ON_ERROR_STOP=1 -c "COPY $size.event FROM STDIN (FORMAT binary)"
	sql "VACUUM ANALYZE $size.event"
	note "$(calc "$(date +%s.%N) - $began_at")" s "making the data"
	make_shop "$size.event" "${size}_shop"
}

# recommender $2 over table $1
make_shop() {
	sql "SET client_min_messages = warning; SELECT recsys.create_recommender('$2', '$1', 'user_id', 'item_id',
		'happened_at', 'quantity', 'event', positives => '{\"purchase\": {\"owned\": true}, \"view\": {\"weight\": 0.1}}')" >/dev/null
}

# --- load: the view, ids to numbers, merge, both orientations ---

part_load() {
	load_of "$size.event" "${size}_shop" bigint '>= 2500000'
	[ "$size" = small ] || return 0
	for type in text uuid; do
		case $type in
		text) id="'id-' || lpad(%s::text, 9, '0')" ;;
		uuid) id="md5(%s::text)::uuid" ;;
		esac
		sql "CREATE UNLOGGED TABLE $size.$type AS SELECT $(say "$id" | sed 's/%s/user_id/') AS user_id,
			$(say "$id" | sed 's/%s/item_id/') AS item_id, event, quantity, happened_at FROM $size.event;
			ANALYZE $size.$type"
		make_shop "$size.$type" "${size}_$type"
		load_of "$size.$type" "${size}_$type" "$type" '>= 1000000'
		sql "SELECT FROM recsys.drop_recommender('${size}_$type'); DROP TABLE $size.$type" >/dev/null
	done
}

# of source $1 by recommender $2, with ids of type $3; $4 is claimed
load_of() {
	best='' scan=''
	for _ in 1 2 3; do
		now=$(seconds_of "SET max_parallel_workers_per_gather = 0" "SELECT count(user_id), count(item_id),
			sum(weight), max(interacted_at) FROM $2.event")
		scan=$(least "$scan" "$now")
		train "$2" popularity '{}' "evaluate => false" "publish => false" "workers => 0"
		now=$(stage_seconds load,train_all)
		best=$(least "$best" "$now")
		[ "$size" = small ] || break
	done
	note "$(calc "$rows / $best")" rows/s "load, $3 ids" "" "" "" "$4"
	note "$best" s "load, $3 ids" "$scan" s "reading the same view by SQL"
}

least() { if [ -z "$1" ]; then say "$2"; else calc "$1 < $2 ? $1 : $2"; fi; }

# --- factors ---

# flops of a sweep over both sides with $1 factors, by conjugate gradients in 3
# steps: pairs and rows in each of 4 products, and the two Gram matrices
sweep_flops() {
	of_model "(2 * interactions * 4 * 4 * $1 + (users + items) * 4 * 2 * $1 * $1::float8 + (users + items) * $1 * $1::float8)"
}

part_factors() {
	case $size in
	small) list='48 64 128 256' ;;
	medium) list='48 64' ;;
	large) list=48 ;;
	esac
	peak_1=0 peak_2=0
	for factors in $list; do
		sweeps=5
		[ "$factors" != 64 ] || sweeps=8
		for processes in 1 2; do
			# the greatest of all, since others may be at work meanwhile
			peak=$(build/bench/sgemm peak $processes)
			eval "peak_$processes=\$(calc \"$peak > \$peak_$processes ? $peak : \$peak_$processes\")"
			train "${size}_shop" factors "{\"factors\": $factors, \"sweeps\": $sweeps, \"solver\": \"cg\"}" \
				"evaluate => false" "publish => false" "workers => $((processes - 1))"
			seconds=$(best_sweep)
			flops=$(sweep_flops "$factors")
			pairs=$(of_model interactions)
			eval "seconds_$processes=$seconds"
			say "$factors $processes $seconds $flops $pairs"
		done
		[ "$factors/$size" != 64/small ] || part_factors_exact >&2
	done >"$dir/sweeps"
	note "$peak_2" GFLOP/s "sgemm, 2 processes" "$peak_1" GFLOP/s "1 process"
	while read -r factors processes seconds flops pairs; do
		claim=''
		case $factors/$processes/$size in 64/2/small) claim='>= 0.2' ;; 256/2/small) claim='>= 0.3' ;; esac
		eval "peak=\$peak_$processes"
		note "$(calc "$flops * 1e-9 / $seconds")" GFLOP/s "sweep, $factors factors, $processes processes" \
			"$peak" GFLOP/s "sgemm, $processes processes" "$claim"
		note "$(calc "$pairs / $seconds")" pairs/s "sweep, $factors factors, $processes processes"
		case $processes in 1) alone=$seconds && continue ;; esac
		claim=''
		[ "$factors/$size" != 64/small ] || claim='>= 1.8'
		note "$alone" s "sweep, $factors factors, 1 process" "$seconds" s "2 processes" "$claim"
	done <"$dir/sweeps"
}

best_sweep() {
	of_model "(SELECT min(s::float8) FROM jsonb_array_elements_text(parameters -> 'sweep_seconds') s)"
}

# the same by the exact solver, after as many sweeps
part_factors_exact() {
	loss=$(of_model "parameters -> 'loss' ->> 7")
	train "${size}_shop" factors "{\"factors\": 64, \"sweeps\": 8, \"solver\": \"exact\"}" \
		"evaluate => false" "publish => false" "workers => 1"
	exact=$(best_sweep)
	note "$loss" "" "objective after 8 sweeps, 64 factors" "$(of_model "parameters -> 'loss' ->> 7")" "" "the exact solver's" '<= 1.001'
	# shellcheck disable=SC2154
	note "$exact" s "sweep, exact solver, 2 processes" "$seconds_2" s "conjugate gradients"
}

# --- item neighbours ---

part_neighbors() {
	shop=${size}_shop
	train "$shop" item_item '{"neighbors": 200, "history_cap": 1000000000}' "evaluate => false" "publish => false" "workers => 1"
	neighbors=$(of_model train_seconds)
	psql -Xq -v ON_ERROR_STOP=1 -v shop="$shop" -v pairs="$size.pair" -f test/bench/pairs.sql
	by_sql=$(seconds_of "SET work_mem = '1 GB'" "CREATE UNLOGGED TABLE $size.checksum AS
		SELECT count(*) AS n, bit_xor(hashint8extended(i << 32 | j, n)) AS hash
		FROM (SELECT a.item_id AS i, b.item_id AS j, count(*) AS n
			FROM $size.pair a JOIN $size.pair b USING (user_id) WHERE a.item_id < b.item_id GROUP BY 1, 2) x")
	note "$by_sql" s "pair counts by SQL, self-join, work_mem 1 GB" "$neighbors" s "item neighbours, top 200, 2 processes" '>= 100'

	# every count of the aggregate that holds the engine's loop, then the
	# engine's best 200 by count against the aggregate's
	block=$(seconds_of "SET work_mem = '1 GB'" "CREATE UNLOGGED TABLE $size.checksum_2 AS $(counts 1000000 'item_id < j')")
	note "$by_sql" s "pair counts by SQL, self-join" "$block" s "cooccurrence_counts, same counts"
	same "every pair count" "SELECT (SELECT concat(n, ' ', hash) FROM $size.checksum)" "SELECT concat(n, ' ', hash) FROM $size.checksum_2"
	train "$shop" item_item '{"neighbors": 200, "history_cap": 1000000000, "activity": 0, "source_exponent": 0, "target_exponent": 0}' \
		"evaluate => false" "publish => false" "workers => 1"
	same "users_both of the best 200" \
		"SELECT concat(count(*), ' ', bit_xor(hashint8extended(item_id << 32 | neighbor_id, users_both))) FROM $shop.item_neighbor
			WHERE model_id = (SELECT max(model_id) FROM recsys.model)" \
		"SELECT concat(n, ' ', hash) FROM ($(counts 200 true)) x"
	sql "DROP TABLE $size.pair, $size.list, $size.checksum, $size.checksum_2"
}

# number and checksum of the pairs of items and their $1 best neighbours where $2
counts() {
	say "SELECT count(*) AS n, bit_xor(hashint8extended(item_id << 32 | j, n)) AS hash FROM (
		SELECT item_id, unnest(recsys.cooccurrence_top(items, item_id, $1)) AS j, unnest(recsys.cooccurrence_counts(items, item_id, $1)) AS n
		FROM $size.pair JOIN $size.list USING (user_id) GROUP BY item_id) c WHERE $2"
}

# two queries must give the same text
same() {
	one=$(sql "$2")
	other=$(sql "$3")
	[ -n "$one" ] && [ "$one" = "$other" ] || die "# $1: $one is not $other"
	say "# equal: $1 ($one)"
}

# --- lists for all users ---

part_lists() {
	shop=${size}_shop
	k=100
	train "$shop" factors '{"factors": 64, "sweeps": 3}' "evaluate => false"
	# published, since lists are made by the live policy
	sql "UPDATE recsys.recommender SET live_policy = '$policy' WHERE recommender = '$shop'"
	train "$shop" factors '{"factors": 64, "sweeps": 3}'
	evaluation=$(stage_seconds evaluate)
	bare=$(build/bench/sgemm lists "$users" "$items" 64)
	note "$evaluation" s "evaluation, popularity and 64 factors" "$bare" s "bare sgemm of the shape, 1 process"
	[ "$size" != small ] || part_lists_popularity
	whole=$(seconds_of "SELECT" "SELECT recsys.recommend_all('$shop', k => $k, workers => 0)")
	note "$(calc "$users / $whole")" users/s "top $k for all users, written"
	note "$(stage_seconds rank)" s "top $k for all users, 64 factors" "$bare" s "bare sgemm of the shape, 1 process" '<= 3'
}

# popularity judged by SQL on the same split, and by the engine
part_lists_popularity() {
	cutoff=$(sql "SELECT max(cutoff) FROM recsys.evaluation WHERE recommender = '$shop'")
	by_sql=$(psql -XAtq -v ON_ERROR_STOP=1 -v shop="$shop" -v cutoff="$cutoff" -v into="$size.judged" -f test/bench/popularity.sql |
		awk '/^Time:/ { s += $2 } END { print s / 1000 }')
	engine=$(seconds_of "SELECT" "SELECT recsys.evaluate('$shop', policies => '{popularity}', cutoff => '$cutoff', memory => '$MEMORY')")
	note "$by_sql" s "popularity judged by SQL" "$engine" s "by evaluate, loading and all"
	note "$by_sql" s "popularity judged by SQL" "$(stage_seconds evaluate)" s "by evaluate, its stage"
	same "users, precision, recall and NDCG at 10 of popularity" "SELECT * FROM $size.judged" \
		"SELECT users, round(precision_at_k::numeric, 9), round(recall::numeric, 9), round(ndcg::numeric, 9)
		FROM (SELECT max(users) AS users, max(value) FILTER (WHERE metric = 'precision') AS precision_at_k,
			max(value) FILTER (WHERE metric = 'recall') AS recall, max(value) FILTER (WHERE metric = 'ndcg') AS ndcg
			FROM recsys.evaluation WHERE run_id = (SELECT max(run_id) FROM recsys.training_run)
			AND (policy, protocol, population, k) = ('popularity', 'new', 'warm', 10)) e"
	sql "DROP TABLE $size.judged"
}

# --- writing ---

part_write() {
	shop=${size}_shop
	train "$shop" funnel '{"factors": 48, "sweeps": 1}' "evaluate => false" "publish => false"
	model=$(of_model model_id)
	wrote=$(stage_seconds write)
	count=$(sql "SELECT rows_out FROM recsys.training_stage WHERE run_id = (SELECT max(run_id) FROM recsys.training_run) AND stage = 'write'")
	copied=0
	for table in popularity item_neighbor item_factor user_factor; do
		file=$dir/data/$table.copy
		sql "COPY (SELECT * FROM $shop.$table WHERE model_id = $model) TO '$file';
			CREATE TABLE $size.copied (LIKE $shop.$table INCLUDING ALL)"
		copied=$(calc "$copied + $(seconds_of "SELECT" "COPY $size.copied FROM '$file'")")
		sql "DROP TABLE $size.copied"
		rm -f "$file"
	done
	note "$(calc "$count / $wrote")" rows/s "models into tables" "$(calc "$count / $copied")" rows/s "COPY of the same rows, same indexes"
	note "$(of_model wal_bytes)" bytes "write-ahead log of a model" "$(of_model table_bytes)" bytes "its size"
}

# --- memory ---

part_memory() {
	claim=''
	[ "$size" != large ] || claim='<= 8e9'
	resident=$(peak_resident "${size}_shop" factors '{"factors": 48, "sweeps": 2}' "evaluate => false" "publish => false" "workers => 1")
	note "$resident" bytes "resident, 48 factors, 2 processes" "" "" "" "$claim"
	note "$(calc "$resident / $rows")" bytes "the same for each interaction"
	note "$resident" bytes "resident, 48 factors, 2 processes" "$(of_model peak_bytes)" bytes "peak_bytes of the model"
	# loading and training, but for the evaluation and the writing
	per_row=$(calc "$(stage_seconds load,train_all) / $rows * 1e9")
	echo "$per_row" >"$dir/per_row.$size"
	note "$per_row" ns "load and train, for each interaction"
	[ "$size" != large ] || note "$per_row" ns "load and train, for each interaction" "$(cat "$dir/per_row.medium")" ns "with a tenth of them" '<= 1.5'
	note "$resident" bytes "resident, 48 factors, 2 processes" \
		"$(sql "SELECT max(bytes) FROM recsys.estimate('${size}_shop', policy => '$(of_model policy)', exact => true, workers => 1)")" bytes "estimate"
}

# --- cancel ---

part_cancel() {
	shop=${size}_shop
	train "$shop" funnel '{"sweeps": 5}'
	whole=$(stage_seconds load,split,train,evaluate,ranker,bots,train_all,write)
	answered=0
	slowest=0
	for point in 3 7 12 18 25 33 42 52 63 75 88; do
		train "$shop" funnel '{"sweeps": 5}' 2>"$dir/cancelled" &
		trainer=$!
		sleep "$(calc "$whole * $point / 100")"
		at=$(sql "SELECT clock_timestamp() FROM (SELECT pg_cancel_backend(pid) FROM recsys.training_run WHERE state = 'running' OFFSET 0) c")
		if wait "$trainer"; then continue; fi
		[ -n "$at" ] || die "# cancel: $(cat "$dir/cancelled")"
		now=$(sql "SELECT extract(epoch FROM finished_at - '$at') * 1000 FROM recsys.training_run ORDER BY run_id DESC LIMIT 1")
		slowest=$(calc "$now > $slowest ? $now : $slowest")
		answered=$((answered + 1))
	done
	[ $answered -ge 5 ] || die "# cancel: only $answered trainings were still running"
	note "$slowest" ms "cancel, slowest answer of $answered" "" "" "" '<= 250'
}

# --- the whole loop ---

part_retrain() {
	shop=${size}_shop
	train "$shop" funnel '{}'
	whole=$(stage_seconds load,split,train,evaluate,ranker,bots,train_all,write,publish,maintain)
	for stage in load split train evaluate ranker bots train_all write maintain; do
		note "$(stage_seconds $stage)" s "retrain: $stage" "$whole" s "the whole retrain"
	done
	claim=''
	[ "$size" != small ] || claim='<= 20'
	note "$whole" s "retrain with evaluation, 48 factors" "" "" "" "$claim"
	note "$(calc "$whole / $rows * 1e6")" us "the same for each interaction"
}
