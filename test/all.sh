#!/bin/sh
# Every test, in a copy of the tree and on throwaway clusters: regression and
# isolation tests, TAP tests (README among them), kernel tests, the demo on a
# small file, lint.  The last line counts what passed, failed and was skipped.
#
#	test/all.sh [STEP ...]		steps: build regress isolation tap kernel demo lint
#
# Environment: PG_CONFIG; DATA_DIR, where the real data sets are, if any.

cd "$(dirname "$0")/.." || exit 1
. test/lib.sh

if [ "${RS_TEST_DIR:-}" = "" ]; then
	# PostgreSQL refuses to run as root, and its test harnesses with it: the
	# tests run in a copy that belongs to the server's user.
	dir=$(new_dir) || exit 1
	trap 'rm -rf "$dir"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	mkdir -p "$dir/src" "$dir/home" &&
		tar -cf - --exclude=./.git --exclude=./data --exclude=./results \
			--exclude=./output_iso --exclude='./tmp_check*' --exclude=./build/lock . |
		tar -xf - -C "$dir/src" || exit 1
	case ${DATA_DIR:=data} in /*) ;; *) DATA_DIR=$PWD/$DATA_DIR ;; esac
	[ "$(id -u)" -ne 0 ] || chown -R "$(server_user):" "$dir"
	chmod 755 "$dir"
	export DATA_DIR PG_CONFIG
	as_server env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u DATA -u KEEP \
		RS_TEST_DIR="$dir" HOME="$dir/home" sh "$dir/src/test/all.sh" "$@"
	exit
fi

dir=$RS_TEST_DIR
steps=${*:-build regress isolation tap kernel demo lint}
passed=0 failed=0 skipped=0
cluster=
trap '[ -z "$cluster" ] || stop_cluster "$cluster"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# run "$2 ..." for at most $1 seconds, showing and keeping its output
run() {
	limit=$1
	shift
	{
		# so that an interrupt from the terminal reaches the command
		[ ! -t 0 ] || set -- --foreground "$limit" "$@"
		[ -t 0 ] || set -- "$limit" "$@"
		timeout -k 10 "$@" 2>&1
		echo $? >"$dir/status"
	} | tee "$dir/output"
	status=$(cat "$dir/status")
	[ "$status" -ne 124 ] || say "stopped after $limit s"
	return "$status"
}

# Add the counts of one step.  A harness that failed without a failed test
# (it could not start, or stopped midway) counts as one failure.
count() {
	[ "$status" -eq 0 ] || [ "$2" -gt 0 ] || set -- "$1" 1 "$3"
	passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

# lines of the last output that match
lines() { grep -Ec "$1" "$dir/output"; }

# pg_regress: "test x ... ok" up to PostgreSQL 15, "ok 1 - x" from 16 on
count_regress() {
	count "$(lines '(^(test | {5}).* \.\.\. ok )|^ok [0-9]+ +[-+] ')" \
		"$(lines '(^(test | {5}).* \.\.\. FAILED)|^not ok [0-9]+ +[-+] ')" 0
	[ "$status" -eq 0 ] || for f in regression.diffs output_iso/regression.diffs; do
		[ ! -s "$f" ] || head -300 "$f"
	done
}

# lines of TAP, in the last output
count_tap() {
	count "$(grep -E '^ok ' "$dir/output" | grep -Evic '# *skip')" \
		"$(grep -E '^not ok ' "$dir/output" | grep -Evic '# *todo')" \
		"$(lines '^(ok .*|1\.\.0 *)# *[Ss][Kk][Ii][Pp]')"
}

need_cluster() {
	[ -z "$cluster" ] || return 0
	cluster=$dir/c
	mkdir -p "$cluster" && start_cluster "$cluster" && . "$cluster/env"
	bindir=$cluster/install$("$PG_CONFIG" --bindir)
}

step_build() {
	run 900 "$MAKE" --no-print-directory -s "-j$(jobs)" "PG_CONFIG=$PG_CONFIG" all
	if [ "$status" -eq 0 ]; then count 1 0 0; else count 0 1 0; fi
	return "$status"
}

installcheck() {
	rm -f regression.diffs output_iso/regression.diffs
	run 1800 "$MAKE" --no-print-directory "PG_CONFIG=$PG_CONFIG" "bindir=$bindir" \
		"$@" installcheck
}

step_regress() {
	[ -n "$(plain_make -s print-REGRESS)" ] || return 0
	installcheck ISOLATION= TAP_TESTS=
	count_regress
}

step_isolation() {
	[ -n "$(plain_make -s print-ISOLATION)" ] || return 0
	installcheck REGRESS= TAP_TESTS=
	count_regress
}

step_tap() {
	ls test/t/*.pl >/dev/null 2>&1 || return 0
	rm -rf "$dir/tap"
	mkdir "$dir/tap"
	PERL_TEST_HARNESS_DUMP_TAP=$dir/tap installcheck REGRESS= ISOLATION= \
		PROVE_FLAGS="-j$(jobs) --timer"
	if [ "$status" -ne 0 ]; then
		grep -Erh '^(not ok|#|Bail out)' "$dir/tap" | tail -200
		# what a file died of is in its log only
		for file in $(sed -n 's/^test\/t\/\(.*\)\.pl .*(Wstat: .*/\1/p' "$dir/output"); do
			say "# $file:"
			tail -15 "tmp_check/log/regress_log_$file"
		done
	fi
	find "$dir/tap" -type f -exec cat {} + >"$dir/output"
	count_tap
}

step_kernel() {
	[ -f test/kernel/Makefile ] || return 0
	run 900 "$MAKE" --no-print-directory -C test/kernel run
	counts=$(sed -n 's/^kernel: \([0-9]*\) passed, \([0-9]*\) failed.*/\1 \2/p' "$dir/output")
	# shellcheck disable=SC2086
	count ${counts:-0 0} 0
}

# the demo's scripts, on a file that is made here
step_demo() {
	psql -X -q -d postgres -v ON_ERROR_STOP=1 >"$dir/file.csv" <<-'END' || return 1
		SELECT setseed(0.5) \g /dev/null
		COPY (SELECT 'u' || u AS user,
				'item ' || CASE WHEN random() < .7 THEN u % 5 * 40 + floor(40 * random() ^ 2) ELSE floor(200 * random()) END AS item,
				1 + floor(3 * random()) AS value, timestamptz '2024-01-01 00:00:00Z' + n * interval '1 minute' AS time
			FROM (SELECT n, floor(300 * random())::int AS u FROM generate_series(1, 20000) n OFFSET 0) x)
		TO STDOUT (FORMAT csv, HEADER);
	END
	run 300 sh test/demo/demo.sh "$dir/file.csv" >/dev/null
	if [ "$status" -eq 0 ]; then
		say "ok - demo on a file"
		count 1 0 0
	else
		tail -50 "$dir/output"
		say "not ok - demo on a file"
		count 0 1 0
	fi
}

step_lint() {
	run 900 sh test/lint/lint.sh
	count_tap
}

for step in $steps; do
	say "" "== $step"
	case $step in regress | isolation | tap | demo | lint)
		if ! need_cluster; then
			status=1
			count 0 1 0
			continue
		fi
		;;
	esac
	"step_$step" || [ "$step" != build ] || break
done

say ""
total="$passed passed, $failed failed"
[ "$skipped" -eq 0 ] || total="$total, $skipped skipped"
say "$total"
[ "$failed" -eq 0 ]
