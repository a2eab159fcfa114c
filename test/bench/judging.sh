# Experiments: how they judge what is known, and how long that takes.  Sourced
# by bench.sh; has no size.

# note a share of the simulated experiments whose design meets a condition;
# {} in the claim stands for two standard errors of the share before it
note_share() {
	claim=${4#* }
	claim=${claim%% *}
	found=$(sql "SELECT sum($1 * experiments) / sum(experiments), sum(experiments), round((2 * sqrt(${claim:-0} * (1 - ${claim:-0}) / sum(experiments)))::numeric, 4)
		FROM simulated_design WHERE $2")
	claim=
	if [ -n "$4" ]; then
		claim="${4%% *} $(calc "$(say "${4#* }" | sed "s/{}/${found##*|}/")")"
	fi
	number=${found#*|}
	note "${found%%|*}" share "$3 (${number%|*})" "" "" "" "$claim"
}

part_experiments() {
	psql -Xq -v ON_ERROR_STOP=1 -v experiments=1000 -v units=2000 -f test/bench/experiments.sql
	note_share wrong "effect <> 'arm loses units'" "an arm called wrongly at some look" '<= .05 + {}'
	note_share held "effect <> 'arm loses units' AND NOT open" "intervals hold the truth at all looks" '>= .95 - {}'
	note_share held "effect <> 'arm loses units' AND open" "the same, windows open" '>= .95 - {}'
	note_share better "effect LIKE 'lift%'" "a lift of half called" ''
	note_share shipped "design = 5" "shipped of those of the size that is planned for .8" '>= .8 - {}'
	note_share mismatch "effect = 'arm loses units'" "an arm that loses units found" '>= 1'
	note "$(sql "SELECT sum(promoted_worse) FROM simulated_design")" policies "worse, promoted without force" "" "" "" '<= 0'

	psql -Xq -v ON_ERROR_STOP=1 -v repeats=20 -v users=2000 -f test/bench/visits.sql
	for visits in 2000 250; do
		note "$(sql "SELECT shipped FROM visited_policy WHERE better AND visits = $visits")" share "the better policy shipped, $visits visits ($(sql "SELECT experiments FROM visited_policy WHERE better AND visits = $visits"))"
	done
	note "$(sql "SELECT sum(promoted) FROM visited_policy WHERE NOT better")" policies "worse, promoted after visits" "" "" "" '<= 0'
	note "$(sql "SELECT avg(difference * sign(true_difference)) FROM visited_policy")" clicks "reported difference of the two, by place" \
		"$(sql "SELECT avg(abs(true_difference)) FROM visited_policy")" clicks "by the planted chances"
	found=$(sql "SELECT sum(held * experiments) / sum(experiments), 0.95 - 2 * sqrt(0.05 * 0.95 / sum(experiments)) FROM visited_policy")
	note "${found%%|*}" share "intervals hold that" "" "" "" ">= ${found#*|}"

	psql -Xq -v ON_ERROR_STOP=1 -v exposures=10000000 -f test/bench/exposures.sql
	default="SET maintenance_work_mem = '64MB'; SET max_parallel_workers_per_gather = 0"
	scan=$(seconds_of "$default" "SELECT count(*) FROM (SELECT count(*), sum(score) FROM loaded.exposure GROUP BY unit) u")
	report=$(seconds_of "$default" "SELECT count(*) FROM recsys.experiment_report('loaded', 'large', '2026-03-20Z')")
	note "$report" s "report on an experiment, 10 million exposures" "" "" "" '<= 60'
	note "$report" s "the same" "$scan" s "their count and sum by unit"
	note "$(calc "1e6 / $(seconds_of 'SELECT 1' \
		"SELECT count(recsys.assign('loaded', 'large', u::text)) FROM generate_series(1, 1000000) u")")" \
		units/s "assign" "" "" "" '>= 200000'
}
