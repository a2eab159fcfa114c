# Many sessions beside retrains and publishes: what they wait, and that every
# list comes from one model.  Sourced by bench.sh; a chapter of part_serving.
#
# Sessions that ask again as soon as they have their answer leave no processor
# to anybody else, and an app's do not.  So their pace is a share of what the
# server can do, and their latency counts from when a call was due.

MIXED_SECONDS=60
MIXED_PACE=.6				# of the calls that the server can answer by itself
MIXED_USERS=1000			# whose lists are written down, and made again

serving_mixed() {
	# models of a cheap kind, which are all kept, to make their lists again
	sql "SET client_min_messages = warning; SELECT recsys.alter_recommender('$shop', settings => '{\"keep_models\": 1000}'),
		recsys.alter_policy('$shop', 'default', '{\"sweeps\": 1, \"neighbors\": 5}');
		CREATE UNLOGGED TABLE $size.recorded (model_id int8, user_id int8, list text)" >/dev/null
	for seed in 1 2; do mixed_retrain $seed; done
	at=$(sql "SELECT now()")
	mixed_scripts
	mixed_calls 5
	mixed_calls "$SERVING_SECONDS"
	alone=$(pgbench_tps)
	note "$alone" calls/s "$SESSIONS sessions, as fast as they can"
	mixed_beside
	mixed_whole
	sql "DROP TABLE $size.recorded, $size.expected, $size.replayed"
}

mixed_retrain() {
	sql "CALL recsys.retrain('$shop', evaluate => false, seed => $1, memory => '$MEMORY')"
}

# --- the calls ---

# a list of user $1 at a given instant, in one value
list_of() {
	say "SELECT md5(string_agg((r.item_id, r.score)::text, ' ' ORDER BY r.rank)) AS list
		FROM $shop.recommend($1, 10, as_of => '$at') r"
}

# fails a transaction that gets a short list
checked() { say "SELECT 1 / (count(*) = 10)::int FROM $shop.$1;"; }

# The last one writes down a list, and the model that is live in the same
# snapshot.
mixed_scripts() {
	printf '%s\n' "$(a_user)" "$(checked 'recommend(:u, 10)')" >"$dir/recommend.sql"
	printf '%s\n' "$(an_item)" "$(checked 'recommend_for_items(ARRAY[:i::int8], 10)')" >"$dir/for_items.sql"
	printf '%s\n' "$(a_user)" "$(checked 'serve(:u, k => 10)')" >"$dir/serve.sql"
	printf '%s\n' "$(an_item)" "SELECT * FROM $shop.similar_items(:i, 10);" >"$dir/similar.sql"
	printf '%s\n' "\\set u random(1, $MIXED_USERS)" "INSERT INTO $size.recorded SELECT r.live_model_id, :u, l.list
		FROM recsys.recommender r, LATERAL ($(list_of :u)) l WHERE r.recommender = '$shop';" >"$dir/recorded.sql"
}

# of all sessions for $1 seconds; further arguments go to pgbench
mixed_calls() {
	seconds=$1
	shift
	rm -f "$dir"/latency.*
	PGOPTIONS='-c synchronous_commit=off' pgbench -n -M prepared -c $SESSIONS -j 2 -T "$seconds" -l --log-prefix="$dir/latency" \
		-f "$dir/recommend.sql@5" -f "$dir/for_items.sql@1" -f "$dir/serve.sql@2" -f "$dir/similar.sql@1" -f "$dir/recorded.sql@1" \
		"$@" >"$dir/pgbench" 2>&1 && ! grep -iq 'error\|abort' "$dir/pgbench" || { cat "$dir/pgbench" >&2; return 1; }
}

pgbench_tps() { sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$dir/pgbench"; }

# --- beside what changes the model ---

# retrains one after the other, until the file is gone
mixed_retrains() {
	seed=2
	while [ -f "$dir/go" ]; do
		seed=$((seed + 1))
		mixed_retrain $seed || return 1
	done
}

# goes to any other model that has been live, again and again
mixed_switches() {
	while [ -f "$dir/go" ]; do
		sql "SELECT recsys.rollback('$shop', m.model_id) FROM recsys.recommender r JOIN recsys.model m USING (recommender)
			WHERE recommender = '$shop' AND m.status = 'ready' AND m.model_id <> r.live_model_id
			AND EXISTS (SELECT FROM recsys.promotion p WHERE p.to_model_id = m.model_id) ORDER BY random() LIMIT 1" >/dev/null || return 1
		sleep .5
	done
}

mixed_beside() {
	sql "TRUNCATE $size.recorded"
	began=$(sql "SELECT clock_timestamp()")
	touch "$dir/go"
	mixed_retrains &
	trainer=$!
	mixed_switches &
	switcher=$!
	status=0
	mixed_calls $MIXED_SECONDS --rate="$(calc "$alone * $MIXED_PACE")" || status=$?
	ended=$(sql "SELECT clock_timestamp()")
	rm "$dir/go"
	wait $switcher || status=$?
	wait $trainer || status=$?
	[ $status -eq 0 ] || return 1
	note "$(pgbench_tps)" calls/s "the same at a pace, beside retrains, for $MIXED_SECONDS s" "$alone" calls/s "as fast as they can"
	cat "$dir"/latency.* | awk '{ print $3 / 1000 }' | sort -n >"$dir/sorted"
	note "$(percentile 99)" ms "their p99, from when they were due" "$(percentile 50)" ms "their p50"
	cat "$dir"/latency.* | awk '$4 == 0 { print $3 / 1000 }' | sort -n >"$dir/sorted"
	note "$(percentile 99)" ms "recommend among them, p99" "$(percentile 50)" ms "its p50"
	note "$(published "= 'retrain'")" models "published by retrains meanwhile" "" "" "" '>= 2'
	note "$(published "<> 'retrain'")" switches "to models that had been live" "" "" "" '>= 10'
}

published() {
	sql "SELECT count(*) FROM recsys.promotion WHERE recommender = '$shop' AND kind $1 AND promoted_at BETWEEN '$began' AND '$ended'"
}

# --- what came of it ---

# Every list that was written down is what the model of its snapshot gives, and
# no other model; every list that was logged comes from a model that was there
# when it was made, and is what that model gives.
mixed_whole() {
	sql "CREATE TABLE $size.expected (model_id int8, user_id int8, list text, PRIMARY KEY (user_id, model_id))"
	for model in $(sql "SELECT DISTINCT model_id FROM $size.recorded"); do
		sql "SELECT recsys.rollback('$shop', $model) FROM recsys.recommender WHERE recommender = '$shop' AND live_model_id <> $model" >/dev/null
		sql "INSERT INTO $size.expected SELECT $model, u, l.list FROM generate_series(1, $MIXED_USERS) u, LATERAL ($(list_of u)) l"
	done
	note "$(sql "SELECT count(DISTINCT model_id) FROM $size.recorded")" models "of the lists written down" \
		"$(published "IS NOT NULL AND to_model_id IN (SELECT model_id FROM $size.expected)")" switches "to them"
	lists=$(sql "SELECT count(*) FROM $size.recorded")
	note "$(sql "SELECT count(*) FROM $size.recorded r LEFT JOIN $size.expected e USING (model_id, user_id)
		WHERE e.list IS DISTINCT FROM r.list")" lists "that their model gives otherwise" "" "" "" '<= 0'
	note "$(sql "SELECT count(*) FROM $size.recorded r WHERE EXISTS (SELECT FROM $size.expected e
		WHERE e.user_id = r.user_id AND e.list = r.list AND e.model_id <> r.model_id)")" lists "that another model gives too" "$lists" lists "written down" '<= .05'
	note "$(sql "SELECT count(*) FROM $shop.request q LEFT JOIN recsys.model m USING (model_id)
		WHERE m.model_id IS NULL OR m.trained_at > q.requested_at OR q.rows <> 10")" requests "of a model not published, or short" "" "" "" '<= 0'
	sql "CREATE TABLE $size.replayed AS SELECT q.request_id, q.model_id FROM $shop.request q
		WHERE q.requested_at BETWEEN '$began' AND '$ended' ORDER BY md5(q.request_id::text) LIMIT 2000"
	note "$(sql "SELECT count(DISTINCT model_id) FROM $size.replayed")" models "of 2000 logged requests" "" "" "" '>= 2'
	for level in shown list; do
		note "$(sql "SELECT count(*) FROM $size.replayed q, recsys.replay('$shop', q.request_id, '$level')")" \
			rows "that a replay of those gives otherwise, $level" "" "" "" '<= 0'
	done
}
