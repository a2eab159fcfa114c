#!/bin/sh
# Benchmarks, as one table and as CSV: make bench.
#
#	test/bench/bench.sh
#
# Environment:
#	DATA_DIR	where the real data are, for quality; data by default
#	BENCH		what to do, some of the words below; "small medium" by default
#	CSV			where to write the table; build/bench.csv by default
#	TRIALS		of each search of quality; 12 by default
#	MEMORY		what a training may take; 3/4 of the machine's by default
#	PG_CONFIG	of the server to run
#
# Sizes (a size without a part means all parts):
#	small		1 million interactions, 30 thousand users, 40 thousand items
#	medium		10 million, 100 thousand users, 30 thousand items
#	large		100 million, 1 million users, 100 thousand items; needs 16 GB
#				of memory and 40 GB of disk; medium comes with it, to compare
# Parts, with their minutes on 2 idle cores (small + medium):
#	kernel		micro-benchmarks of src/kernel, without a server		2
#	load		reading the interaction view							1
#	factors		sweeps of iALS, 48 to 256 factors, 1 and 2 processes	2
#	neighbors	item neighbours, and pair counts by SQL (small)			2
#	lists		lists for all users, evaluation, the same by SQL		2
#	write		models into tables, and COPY (small)					1
#	memory		what a training takes, and what it said it would		1
#	cancel		how long a training takes to answer (small)				1
#	retrain		the whole loop, stage by stage							2
#	serving		lists and the other questions, by sessions that come
#				and go, beside retrains; a model of a million items (small)	8
# and by name only, without a size:
#	quality		how good the funnel's lists are beside tuned methods, on
#				Online Retail, goodbooks and MovieLens; what each rule does
#				to lists; held-out calibration								10
#	experiments	1000 simulated experiments with a known truth: arms, weights,
#				open windows; 20 in a shop whose simulated users are served;
#				a report on 10 million exposures; assign					13
#
# Every figure stands beside another one of the same run, and their ratio is
# what counts: seconds of a shared machine say little.  A line with a claim
# says whether it was met, which is for the reader to judge; what could not be
# measured is an error.
#
# The data come from generate.c, the peak from sgemm.c, both of this folder;
# nearest.c searches a model's factors; tools.sh runs and notes, parts.sh,
# serving.sh, mixed.sh, quality.sh and judging.sh measure.  The server is a throwaway one
# (test/lib.sh) and is removed with its folder in the end.

here=$PWD
cd "$(dirname "$0")/../.." || exit 1
. test/lib.sh
. test/demo/read.sh
. test/bench/tools.sh
. test/bench/parts.sh
. test/bench/serving.sh
. test/bench/mixed.sh
. test/bench/quality.sh
. test/bench/judging.sh

sizes='' parts=''
for word in ${BENCH:-small medium}; do
	case $word in
	small | medium) sizes="$sizes $word" ;;
	large) sizes="$sizes medium large" ;;
	kernel | load | factors | neighbors | lists | write | memory | cancel | retrain | serving | quality | experiments)
		parts="$parts $word" ;;
	*) die "BENCH: \"$word\" is neither a size nor a part (see test/bench/bench.sh)" ;;
	esac
done
# shellcheck disable=SC2086
sizes=$(say ${sizes:-small} | awk '!seen[$0]++')
: "${parts:=kernel load factors neighbors lists write memory cancel retrain serving}"
: "${CSV:=build/bench.csv}"
memory_kb=$(awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo)
: "${MEMORY:=$((memory_kb * 3 / 4 / 1024)) MB}"

build || exit 1
build_tools || exit 1

case " $parts " in *" kernel "*)
	plain_make -s -C test/kernel bench BLAS=1 || exit 1
	say ""
	;;
esac
# shellcheck disable=SC2086
parts=$(say $parts | grep -vx kernel)
[ -n "$parts" ] || exit 0

# --- the server ---

buffers_mb=$((memory_kb / 8 / 1024))
[ $buffers_mb -le 4096 ] || buffers_mb=4096
dir=$(new_dir) || exit 1
trap 'stop_cluster "$dir"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
start_cluster "$dir" \
	"shared_buffers = '$buffers_mb MB'" \
	"maintenance_work_mem = '1 GB'" \
	"max_parallel_maintenance_workers = $(jobs)" \
	"max_worker_processes = 16" \
	"max_wal_size = '32 GB'" \
	"checkpoint_timeout = '1 h'" \
	"wal_level = minimal" \
	"max_wal_senders = 0" \
	"autovacuum = off" \
	"jit = off" || exit 1
# shellcheck disable=SC1091
. "$dir/env"
psql -Xq -c "CREATE EXTENSION recsys" || exit 1

say "$(psql -XAtc "SELECT split_part(version(), ' on ', 1)"), $(jobs) processors ($(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1))" \
	"fsync off, shared_buffers $buffers_mb MB, max_wal_size 32 GB, autovacuum off, jit off; memory => '$MEMORY'"

# --- the measures ---

table_begin
failed=''
for part in quality experiments; do
	case " $parts " in *" $part "*)
		size=-
		run_part $part
		;;
	esac
	# shellcheck disable=SC2086
	parts=$(say $parts | grep -vx $part)
done
[ -n "$parts" ] || sizes=''
for size in $sizes; do
	size_of "$size"
	run_part data
	for part in $parts; do
		case $part/$size in neighbors/[!s]* | write/[!s]* | cancel/[!s]* | serving/[!s]*) continue ;; esac
		run_part "$part"
	done
	# the next size needs the room
	psql -Xq -o /dev/null -c "SET client_min_messages = warning" \
		-c "SELECT recsys.drop_recommender('${size}_shop')" -c "DROP SCHEMA $size CASCADE" -c "CHECKPOINT"
done
table_end

[ -z "$failed" ] || die "could not be measured:$failed"
