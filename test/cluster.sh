#!/bin/sh
# A throwaway cluster with the extension of this tree, on a unix socket only.
#
#	test/cluster.sh run COMMAND ...    start, run the command, stop, remove
#	test/cluster.sh start [DIR]        start; prints the folder
#	test/cluster.sh stop DIR           stop and remove
#
# The command, and who sources DIR/env, find the server by PGHOST and so on.
# Environment: PG_CONFIG; KEEP=1 leaves the cluster of "run" running.

cd "$(dirname "$0")/.." || exit 1
. test/lib.sh

case ${1:-} in
run)
	shift
	[ $# -gt 0 ] || die "usage: $0 run COMMAND ..."
	build || exit 1
	dir=$(new_dir) || exit 1
	if [ "${KEEP:-}" = 1 ]; then
		trap 'say "kept: . $dir/env; psql" "removed by: $0 stop $dir" >&2' EXIT
	else
		trap 'stop_cluster "$dir"' EXIT
	fi
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	start_cluster "$dir" || exit 1
	. "$dir/env"
	"$@"
	;;
start)
	build || exit 1
	dir=${2:-}
	if [ -z "$dir" ]; then dir=$(new_dir) || exit 1; fi
	start_cluster "$dir" || { stop_cluster "$dir"; exit 1; }
	say "$dir"
	;;
stop)
	[ -n "${2:-}" ] && [ -f "$2/data/PG_VERSION" ] || die "usage: $0 stop DIR"
	stop_cluster "$2"
	;;
*)
	sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
	exit 1
	;;
esac
