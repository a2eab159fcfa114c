#!/bin/sh
# The whole way from a table to recommendations, in a throwaway cluster.
#
#	test/demo/demo.sh [shop | online_retail | goodbooks | movielens | FILE.csv[.gz]]
#
# NAME.sql makes the tables from standard input and creates the recommender,
# retrain is called while its progress is shown, report.sql tells the result,
# and NAME_after.sql, where there is one, what only this data can tell.
# A further data set is one more NAME.sql and a line in read.sh.
#
# Environment: PG_CONFIG; DATA_DIR, the folder of the data sets; KEEP=1 keeps
# the cluster; DEMO_SHOP, arguments of recsys.demo_shop; REPORT, the file that the
# page about the recommender goes to.

here=$PWD
cd "$(dirname "$0")/../.." || exit 1
. test/lib.sh
. test/demo/read.sh

data=${1:-shop}
: "${DATA_DIR:=data}"
absolute() { case $1 in /*) say "$1" ;; *) say "$here/$1" ;; esac; }

case $data in
shop | movielens)
	name=$data
	;;
online_retail)
	name=$data
	file=$(absolute "$DATA_DIR")/online_retail/invoice_line.csv.gz
	;;
goodbooks)
	name=$data
	file=$(absolute "$DATA_DIR")/goodbooks/rating.csv.gz
	;;
*)
	name=file
	file=$(absolute "$data")
	;;
esac
if [ -n "${file:-}" ] && [ ! -r "$file" ]; then
	case $name in
	file) die "DATA=$data: neither shop, online_retail, goodbooks or movielens nor a file that can be read" ;;
	*) die "$file is not there; DATA_DIR=... names the folder of the data sets" ;;
	esac
fi

case $name in
shop) recommender=shop ;;
online_retail) recommender=retail ;;
goodbooks) recommender=books ;;
movielens) recommender=movies ;;
file) recommender=mine ;;
esac

# --- progress: one line that changes on a terminal, else a line per stage ---

began=$(date +%s)
seconds() { say $(($(date +%s) - began)); }
[ -t 1 ] && terminal=1 || terminal=0
shown=
progress() {
	if [ $terminal = 1 ]; then
		printf '\r[%3d s] %s\033[K' "$(seconds)" "$*"
	elif [ "$*" != "$shown" ]; then
		printf '[%3d s] %s\n' "$(seconds)" "$*"
		shown=$*
	fi
}
progress_end() { [ $terminal = 0 ] || printf '\r\033[K'; }

failed() {
	progress_end
	[ ! -s "$dir/errors" ] || cat "$dir/errors" >&2
	die "the demo failed: $*"
}

# --- a cluster of its own ---

dir=$(new_dir) || exit 1
worker=
finish() {
	status=$?
	trap '' INT TERM HUP
	[ -z "$worker" ] || kill "$worker" 2>/dev/null
	if [ "${KEEP:-}" = 1 ] && [ -f "$dir/data/postmaster.pid" ]; then
		say "" "The cluster is kept. To look around in it:" \
			"  $psql -h $dir -U postgres demo" \
			"To stop and remove it:" \
			"  $PWD/test/cluster.sh stop $dir"
	else
		stop_cluster "$dir"
	fi
	exit $status
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

progress "build"
build >"$dir/errors" 2>&1 || failed "could not build"
progress "start a throwaway cluster"
start_cluster "$dir" 2>"$dir/errors" || failed "could not start a cluster"
command -v psql >/dev/null && psql=psql || psql=$(cat "$dir/bin")/psql
. "$dir/env"
PGDATABASE=demo
PGAPPNAME='recsys demo'
export PGDATABASE PGAPPNAME
run_sql() { psql -X -q -v ON_ERROR_STOP=1 -v recommender=$recommender "$@"; }
ask() { run_sql -At "$@" 2>/dev/null; }

psql -X -q -d postgres -c 'CREATE DATABASE demo' 2>"$dir/errors" &&
	run_sql -c 'CREATE EXTENSION recsys' 2>"$dir/errors" || failed "could not create the extension"

# --- load and define ---

progress "load the data"
load_began=$(ask -c "SELECT clock_timestamp()")
case $name in file) columns=$(read_data "$name" "${file:-}" 2>/dev/null | sh test/demo/columns.sh) || failed "$file: no rows" ;; esac
read_data "$name" "${file:-}" 2>"$dir/reader" | run_sql -v columns="${columns:-}" -v shop="${DEMO_SHOP:-}" \
	-v title="${file##*/}" -f test/demo/$name.sql >"$dir/load" 2>"$dir/errors" ||
	failed "could not load the data"
[ ! -s "$dir/reader" ] || cat "$dir/reader" >&2
load_seconds=$(ask -c "SELECT extract(epoch FROM clock_timestamp() - '$load_began')")
# what it had to say, without where it comes from
sed 's/^psql:[^ ]*: //' "$dir/errors" >"$dir/notices"

# --- train, and watch it from another session ---

arguments=$(ask -c "SELECT retrain FROM demo_about")
psql -X -q -v ON_ERROR_STOP=1 -c "CALL recsys.retrain('$recommender'$arguments)" \
	>"$dir/retrain" 2>"$dir/errors" &
worker=$!
stage=
while kill -0 $worker 2>/dev/null; do
	now=$(ask -c "SELECT stage FROM recsys.training_run WHERE state = 'running' ORDER BY run_id DESC LIMIT 1")
	[ -z "$now" ] || stage=$now
	progress "retrain: ${stage:-start}"
	sleep .3
done
wait $worker || { worker=; failed "retrain"; }
worker=

# --- tell the result ---

progress "ask for recommendations"
run_sql -v load_seconds="$load_seconds" -f test/demo/report.sql >"$dir/report" 2>"$dir/errors" ||
	failed "could not report"
if [ -f test/demo/${name}_after.sql ]; then
	run_sql -f test/demo/${name}_after.sql >"$dir/after" 2>"$dir/errors" || failed "could not report"
fi
progress "draw the page"
report=$(absolute "${REPORT:-$PWD/build/report_$name.html}")
run_sql -At -c "SELECT recsys.report_html('$recommender')" >"$report" 2>"$dir/errors" || failed "could not write $report"
progress_end
cat "$dir/report"
[ ! -f "$dir/after" ] || cat "$dir/after"
if [ -s "$dir/notices" ]; then
	say ""
	cat "$dir/notices"
fi
say "" "The same with pictures, for a browser: $report"
say "" "All in all $(seconds) s."
