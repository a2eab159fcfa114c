# Experiments: how they judge what is known, and how long that takes.  Sourced
# by bench.sh; has no size.

part_experiments() {
	psql -Xq -v ON_ERROR_STOP=1 -v experiments=500 -v units=2000 -f test/bench/experiments.sql
	psql -Xq -v ON_ERROR_STOP=1 -v exposures=10000000 -f test/bench/exposures.sql
	note "$(seconds_of "SET maintenance_work_mem = '1GB'" \
		"SELECT count(*) FROM recsys.experiment_report('loaded', 'large', '2026-03-20Z')")" \
		s "report on an experiment, 10 million exposures" "" "" "" '<= 60'
	note "$(calc "1e6 / $(seconds_of 'SELECT 1' \
		"SELECT count(recsys.assign('loaded', 'large', u::text)) FROM generate_series(1, 1000000) u")")" \
		units/s "assign" "" "" "" '>= 200000'
}
