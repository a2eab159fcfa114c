# What serving costs, over the size's interactions (small: 40 thousand items)
# and over a model of a million items.  Sourced by bench.sh; part_serving is the
# part, the others are its chapters, and mixed.sh has one more.

SERVING_FACTORS=64
SERVING_SECONDS=10				# of each run of pgbench
SESSIONS=50

part_serving() {
	shop=${size}_shop
	sql "CREATE INDEX ON $size.event (user_id, happened_at); CREATE INDEX ON $size.event (item_id, happened_at)"
	# lists are checked for 10 rows, and a request is replayed from kept models
	settings="\"factors\": $SERVING_FACTORS, \"sweeps\": 5"
	sql "SET client_min_messages = warning; SELECT recsys.alter_policy('$shop', 'default', '{$settings}')" >/dev/null
	sql "CALL recsys.retrain('$shop', memory => '$MEMORY')"
	sql "VACUUM ANALYZE"
	note "$(sql "SELECT avg(n) FROM (SELECT count(DISTINCT item_id) AS n FROM $shop.interaction GROUP BY user_id) u")" items "history of a user, on average"
	serving_lists
	serving_questions
	serving_kernel "$shop" "40 thousand items"
	serving_first "$shop" "40 thousand items" '<= 15'
	serving_mixed
	serving_million
}

# --- running pgbench ---

# pgb SCRIPT CLIENTS SECONDS: prepared statements of one script, whose text is
# given; sets tps, and p50 and p99 in ms
pgb() {
	printf '%s\n' "$1" >"$dir/script"
	rm -f "$dir"/latency.*
	pgbench -n -M prepared -f "$dir/script" -c "$2" -j 2 -T "$3" -l --log-prefix="$dir/latency" >"$dir/pgbench" 2>&1 ||
		{ cat "$dir/pgbench" >&2; return 1; }
	tps=$(sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$dir/pgbench")
	cat "$dir"/latency.* | awk '{ print $3 / 1000 }' | sort -n >"$dir/sorted"
	p50=$(percentile 50)
	p99=$(percentile 99)
}

percentile() {
	awk -v share="$1" '{ x[NR] = $1 } END { i = int(NR * share / 100 + .5); print x[i < 1 ? 1 : i] }' "$dir/sorted"
}

# own_ms QUERY: mean processor time of a call for users $1 = 1 .. 1000, in one
# session; what else the machine does hardly shows in it
own_ms() {
	ran="SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1);"
	{
		say "SET synchronous_commit = off;" "PREPARE call (int8) AS $1;" "\\o /dev/null"
		for n in $(seq 1 50); do say "EXECUTE call ($n);"; done
		say "\\o" "$ran" "\\o /dev/null"
		for n in $(seq 1 1000); do say "EXECUTE call ($n);"; done
		say "\\o" "$ran"
	} | psql -XAtq -v ON_ERROR_STOP=1 | awk 'NR == 1 { began = $1 } END { print ($1 - began) / 1e9 }'
}

a_user() { say "\\set u random(1, $users)"; }
an_item() { say "\\set i random(1, $items)"; }

# --- lists: one and two clients, beside a key look-up and the kernel ---

serving_lists() {
	sql "CREATE TABLE $size.one AS SELECT u AS user_id, md5(u::text) AS name FROM generate_series(1, $users) u;
		ALTER TABLE $size.one ADD PRIMARY KEY (user_id)"
	sql "VACUUM ANALYZE $size.one"
	# the first calls of a server make the image
	pgb "$(a_user)
SELECT * FROM $shop.recommend(:u, 10);" 1 2
	pgb "$(a_user)
SELECT * FROM $size.one WHERE user_id = :u;" 1 "$SERVING_SECONDS"
	key=$p50
	factors_of "$shop"
	build/bench/nearest "$dir/items.copy" "$dir/users.copy" >"$dir/kernel"
	kernel=$(calc "$(kernel_says factors_300) / 1000")
	note "$key" ms "SELECT of a row by primary key, p50"
	note "$kernel" ms "top 300 of the items by the kernel, median"
	pgb "$(a_user)
SELECT * FROM $shop.recommend(:u, 10);" 1 "$SERVING_SECONDS"
	list=$p50
	list_mean=$(calc "1000 / $tps")
	note "$p50" ms "recommend, k = 10, p50" "$(calc "$key + $kernel")" ms "key look-up and kernel" '<= 8'
	note "$p99" ms "recommend, p99" "$p50" ms "p50" '<= 4'
	pgb "$(a_user)
SELECT * FROM $shop.recommend(:u, 10);" 2 "$SERVING_SECONDS"
	note "$tps" lists/s "recommend, 2 clients" "" "" "" '>= 1500'
	note "$p99" ms "recommend, 2 clients, p99" "$p50" ms p50
	PGOPTIONS='-c synchronous_commit=off' pgb "$(a_user)
SELECT * FROM $shop.serve(:u, k => 10);" 1 "$SERVING_SECONDS"
	note "$p50" ms "serve, synchronous_commit off, p50" "$list" ms "recommend, p50" '<= 1.6'
	note "$(calc "1000 / $tps")" ms "serve, mean" "$list_mean" ms "recommend, mean"
	list_own=$(own_ms "SELECT * FROM $shop.recommend(\$1, 10)")
	note "$list_own" ms "recommend, processor time" "$(own_ms "SELECT * FROM $size.one WHERE user_id = \$1")" ms "key look-up, processor time"
	note "$(own_ms "SELECT * FROM $shop.serve(\$1, k => 10)")" ms "serve, processor time" "$list_own" ms "recommend, processor time"
}

# --- the other questions ---

serving_questions() {
	item="$(an_item)"
	user="$(a_user)"
	model=$(sql "SELECT live_model_id FROM recsys.recommender WHERE recommender = '$shop'")
	both="$user
$item"
	while IFS='|' read -r name given query; do
		case $given in user) set -- "$user" ;; item) set -- "$item" ;; *) set -- "$both" ;; esac
		# once before, so that what is read at first use is not in the figure
		pgb "$1
$query" 1 1
		pgb "$1
$query" 1 3
		note "$p50" ms "$name, p50" "$list" ms "recommend, p50"
		note "$p99" ms "$name, p99" "$p50" ms "p50"
	done <<-END
		recommend, k = 100|user|SELECT * FROM $shop.recommend(:u, 100);
		recommend, k = 1000|user|SELECT * FROM $shop.recommend(:u, 1000);
		recommend, unknown user|user|SELECT * FROM $shop.recommend(:u + 1000000000::int8, 10);
		recommend_for_items, 3 items|item|SELECT * FROM $shop.recommend_for_items(ARRAY[:i::int8, :i / 2 + 1, :i / 3 + 1], 10);
		similar_items, item_item|item|SELECT * FROM $shop.similar_items(:i, 10);
		similar_items, factors|item|SELECT * FROM $shop.similar_items(:i, 10, 'factors');
		similar_users|user|SELECT * FROM $shop.similar_users(:u, 10);
		users_for_item|item|SELECT * FROM $shop.users_for_item(:i, 10);
		score, 10 items|both|SELECT * FROM $shop.score(:u, ARRAY(SELECT generate_series(:i::int8 / 2 + 1, :i / 2 + 10)));
		features, 10 items|both|SELECT * FROM $shop.features(:u, ARRAY(SELECT generate_series(:i::int8 / 2 + 1, :i / 2 + 10)));
		nearest, k = 10|item|SELECT n.* FROM $shop.item_factor f, $shop.nearest(f.factor, 10) n WHERE (f.model_id, f.item_id) = ($model, :i);
		explain|both|SELECT * FROM $shop.explain(:u, :i);
	END
}

# --- the kernel on a shop's factors ---

# the live model's factors, and those of some users, for build/bench/nearest
factors_of() {
	for side in item user; do
		psql -Xq -v ON_ERROR_STOP=1 -c "COPY (SELECT factor FROM $1.${side}_factor
			WHERE model_id = (SELECT live_model_id FROM recsys.recommender WHERE recommender = '$1')
			ORDER BY hashint8(${side}_id) $([ $side = item ] || say "LIMIT 400")) TO STDOUT (FORMAT binary)" >"$dir/${side}s.copy"
	done
}

# a figure of the last run of build/bench/nearest
kernel_says() { awk -v name="$1" '$1 == name { print $2 }' "$dir/kernel"; }

# of recommender $1, which is called $2, with the claims $3 and $4 if any
serving_kernel() {
	for rows in factors equal; do
		case $rows in factors) what="factors" ;; equal) what="rows of equal norm" ;; esac
		note "$(calc "$(kernel_says ${rows}_100) / 1000")" ms "exact top 100, $2, $what" \
			"$(calc "$(kernel_says ${rows}_sgemv) / 1000")" ms "one sgemv" "${4:-}"
		note "$(kernel_says ${rows}_share)" "" "bytes touched, of those of the rows" "" "" "" "${3:-}"
	done
	rm -f "$dir/items.copy" "$dir/users.copy"
}

# --- the first call of a session ---

# of recommender $1, which is called $2; $3 is claimed
serving_first() {
	for n in $(seq 1 21); do
		psql -XAtq -v ON_ERROR_STOP=1 -o /dev/null -c '\timing on' -c "SELECT * FROM $1.recommend($n, 10)"
	done | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | sort -n >"$dir/sorted"
	note "$(percentile 50)" ms "first call of a session, $2, median" "" "" "" "$3"
	note "$(tail -1 "$dir/sorted")" ms "the slowest of 21"
}

# --- a million items ---

serving_million() {
	sql "CREATE SCHEMA million; CREATE UNLOGGED TABLE million.event (user_id int8, item_id int8, event text, quantity int4, happened_at timestamptz)"
	build/bench/generate 200000 1000000 8000000 |
		psql -Xq -v ON_ERROR_STOP=1 -c "COPY million.event FROM STDIN (FORMAT binary)"
	sql "CREATE INDEX ON million.event (user_id, happened_at); CREATE INDEX ON million.event (item_id, happened_at)"
	sql "VACUUM ANALYZE million.event"
	make_shop million.event million_shop
	sql "SET client_min_messages = warning; SELECT recsys.alter_recommender('million_shop', settings => '{\"min_item_interactions\": 1}'),
		recsys.alter_policy('million_shop', 'default', '{\"factors\": $SERVING_FACTORS, \"sweeps\": 3, \"neighbors\": 5}')" >/dev/null
	sql "CALL recsys.retrain('million_shop', evaluate => false, memory => '$MEMORY')"
	sql "VACUUM ANALYZE"
	note "$(of_model items)" items "of the model of a million"
	factors_of million_shop
	build/bench/nearest "$dir/items.copy" "$dir/users.copy" >"$dir/kernel"
	serving_kernel million_shop "a million items" '<= 0.3' '<= 0.6'
	note "$(seconds_of "SELECT" "SELECT * FROM million_shop.recommend(1, 10)")" s "first call of a server, which makes the image"
	serving_first million_shop "a million items" '<= 30'
	shop=million_shop users=200000 items=1000000
	pgb "$(a_user)
SELECT * FROM $shop.recommend(:u, 10);" 1 5
	note "$p50" ms "recommend, a million items, p50" "$(calc "$key + $(kernel_says factors_300) / 1000")" ms "key look-up and kernel"
	# the first makes the image of the users
	pgb "$(an_item)
SELECT * FROM $shop.users_for_item(:i, 10);" 1 20
	for query in "similar_items(:i, 10, 'factors')" "users_for_item(:i, 10)"; do
		pgb "$(an_item)
SELECT * FROM $shop.$query;" 1 3
		note "$p50" ms "${query%%(*}, a million items, p50" "$(calc "$(kernel_says factors_sgemv) / 1000")" ms "one sgemv"
	done
	serving_memory
	size_of "$size"
	sql "SET client_min_messages = warning; SELECT recsys.drop_recommender('million_shop'); DROP SCHEMA million CASCADE; CHECKPOINT" >/dev/null
}

# kB of memory that is a backend's own, of the session itself
own_kb() { say "SELECT (regexp_match(pg_read_file('/proc/self/status'), 'RssAnon:\\s*(\\d+)'))[1];"; }

# what 50 sessions at once hold of their own, before and after 20 lists each
serving_memory() {
	for n in $(seq 1 $SESSIONS); do
		{
			own_kb
			for user in $(seq 1 20); do say "SELECT FROM $shop.recommend($n * 1000 + $user, 10);"; done
			own_kb
			# the others' sake
			say "SELECT FROM pg_sleep(5);"
		} | psql -XAtq -v ON_ERROR_STOP=1 >"$dir/session.$n" &
	done
	wait
	cat "$dir"/session.* | grep . | paste - - | awk '{ print ($2 - $1) / 1024 }' | sort -n >"$dir/sorted"
	[ "$(wc -l <"$dir/sorted")" -eq $SESSIONS ] || die "# memory: $(wc -l <"$dir/sorted") sessions have answered"
	note "$(tail -1 "$dir/sorted")" MB "own memory of $SESSIONS sessions, a million items, the most" "" "" "" '<= 2'
	note "$(percentile 50)" MB "the same, median"
}
