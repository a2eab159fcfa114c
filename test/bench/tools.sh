# Tools of the benchmarks: running, timing, noting.  Sourced by bench.sh.

export OPENBLAS_NUM_THREADS=1

build_tools() {
	mkdir -p build/bench || return 1
	blas=$(plain_make -s print-OPENBLAS_CFLAGS print-OPENBLAS_LIBS) || return 1
	"${CC:-gcc}" -std=gnu99 -O2 -o build/bench/generate test/bench/generate.c -lm || return 1
	# shellcheck disable=SC2086
	"${CC:-gcc}" -std=gnu99 -O2 -o build/bench/sgemm test/bench/sgemm.c $blas || return 1
	# shellcheck disable=SC2086
	"${CC:-gcc}" -std=gnu99 -O3 -fno-math-errno -Isrc/kernel -o build/bench/nearest test/bench/nearest.c src/kernel/*.c $blas -lm
}

# --- sizes ---

# set the variables of a size
# shellcheck disable=SC2034
size_of() {
	size=$1
	case $size in
	small) rows=1000000 users=30000 items=40000 ;;
	medium) rows=10000000 users=100000 items=30000 ;;
	large) rows=100000000 users=1000000 items=100000 ;;
	esac
}

# run a part for the size; what fails in it is said and counted
run_part() {
	began=$(date +%s)
	# not in a condition, where set -e would not hold
	(
		set -e
		"part_$1"
	)
	status=$?
	[ $status -lt 128 ] || exit "$status"
	[ $status -eq 0 ] || failed="$failed $size/$1"
	say "# $size $1: $(($(date +%s) - began)) s"
}

# --- SQL ---

sql() { psql -XAtq -v ON_ERROR_STOP=1 -c "$1"; }

# seconds of the second statement, after the first in the same session
seconds_of() {
	psql -XAtq -v ON_ERROR_STOP=1 -o /dev/null -c "$1" -c '\timing on' -c "$2" >"$dir/timing" || return 1
	sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' "$dir/timing" | awk '{ print $1 / 1000 }'
}

# train recommender $1 with a policy of method $2 and settings $3, if given and
# new; further arguments go to retrain
train() {
	shop=$1
	method=$2
	settings=$3
	shift 3
	policy=$(sql "SELECT 'p' || left(md5('$method$settings'), 8)")
	sql "SELECT FROM recsys.create_policy('$shop', '$policy', '$method', '$settings')
		WHERE NOT EXISTS (SELECT FROM recsys.policy WHERE (recommender, policy) = ('$shop', '$policy'))" >/dev/null
	arguments="'$shop', policy => '$policy', memory => '$MEMORY'"
	for argument in "$@"; do arguments="$arguments, $argument"; done
	sql "CALL recsys.retrain($arguments)"
}

# of the last run: the seconds of some stages together
stage_seconds() {
	sql "SELECT sum(s.seconds) FROM recsys.training_stage s
		WHERE run_id = (SELECT max(run_id) FROM recsys.training_run) AND stage = ANY ('{$1}')"
}

# of the last model: an expression over recsys.model
of_model() {
	sql "SELECT $1 FROM recsys.model ORDER BY model_id DESC LIMIT 1"
}

# --- arithmetic ---

calc() { awk "BEGIN { printf \"%.6g\", ($1) }"; }

# --- the table ---

table_begin() {
	mkdir -p "$(dirname "$CSV")" &&
		say "size,measure,value,unit,reference,reference_value,reference_unit,ratio,claim,met" >"$CSV" || exit 1
	say ""
	awk 'BEGIN { printf "%-6s %-46s %10s %-9s  %-36s %10s %-9s %8s  %s\n", "size", "measure", "value", "unit", "beside", "value", "unit", "ratio", "claim" }'
}

# note VALUE UNIT MEASURE [BESIDE_VALUE BESIDE_UNIT BESIDE [CLAIM]]; the claim,
# such as '>= 2', is on the ratio of the two values, or on the value alone
note() {
	awk -v size="$size" -v value="$1" -v unit="$2" -v measure="$3" \
		-v other="${4:-}" -v other_unit="${5:-}" -v beside="${6:-}" \
		-v claim="${7:-}" -v csv="$CSV" '
		function short(x) {
			if (x == "") return ""
			if (x >= 100000) return sprintf("%.0f", x)
			return sprintf("%.4g", x)
		}
		BEGIN {
			if (value !~ /^[0-9.e+-]+$/ || other !~ /^[0-9.e+-]*$/ || (beside != "" && other == "")) {
				printf "# %s: \"%s\" beside \"%s\" are no numbers\n", measure, value, other
				exit 1
			}
			ratio = other == "" ? "" : value / other
			met = ""
			if (claim != "") {
				split(claim, c, " ")
				x = ratio == "" ? value + 0 : ratio
				met = (c[1] == ">=" ? x >= c[2] + 0 : x <= c[2] + 0) ? "yes" : "no"
			}
			printf "%-6s %-46s %10s %-9s  %-36s %10s %-9s %8s  %s\n", size, measure, short(value), unit, beside, short(other), other_unit,
				ratio == "" ? "" : sprintf("%.3g", ratio), claim == "" ? "" : claim " " (met == "yes" ? "met" : "NOT MET")
			printf "%s,\"%s\",%s,%s,\"%s\",%s,%s,%s,%s,%s\n", size, measure, value, unit, beside, other, other_unit, ratio, claim, met >> csv
		}'
}

table_end() {
	say "" "written to $CSV; claims: $(grep -c ',yes$' "$CSV") met, $(grep -c ',no$' "$CSV") not met"
}

# --- memory ---

# bytes held by a backend and its parallel workers: what is their own, and
# dynamic shared memory, a page of which counts once however many map it
resident() {
	for pid in $1 $(ps -eo pid=,args= | awk -v leader="$1" '$0 ~ "parallel worker for PID " leader " " { print $1 }'); do
		cat "/proc/$pid/status" "/proc/$pid/smaps" 2>/dev/null
	done | awk '
		$1 == "RssAnon:" { kb += $2 }
		/^[0-9a-f]+-[0-9a-f]+ / { shared = $6 ~ "^/dev/shm/PostgreSQL" }
		$1 == "Pss:" && shared { kb += $2 }
		END { printf "%.0f\n", kb * 1024 }'
}

# train, as above, and print the most that was resident meanwhile, in bytes
peak_resident() {
	train "$@" >&2 &
	trainer=$!
	most=0 pid=''
	while kill -0 "$trainer" 2>/dev/null; do
		if [ -z "$pid" ]; then
			pid=$(sql "SELECT pid FROM recsys.training_run WHERE state = 'running'")
		else
			now=$(resident "$pid")
			[ "$now" -le "$most" ] || most=$now
		fi
		sleep 0.1
	done
	wait "$trainer"
	say "$most"
}
