#!/bin/sh
# What can be seen without running it: compilers' warnings, cppcheck, who
# includes whom, what the libraries export and link, and what the catalog says
# about the extension's objects.  One line of TAP for each check.
#
# Environment: PG_CONFIG; PGHOST and so on, of a server with the extension
# installed; without it a throwaway cluster is started.

cd "$(dirname "$0")/../.." || exit 1
. test/lib.sh

number=0 bad=0
scratch=$(mktemp -d "${TMPDIR:-/tmp}/recsys-lint.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# report NAME: passes if the file $scratch/found is empty
report() {
	number=$((number + 1))
	if [ -s "$scratch/found" ]; then
		bad=$((bad + 1))
		say "not ok $number - $1"
		sed 's/^/# /' "$scratch/found"
	else
		say "ok $number - $1"
	fi
}

skip() {
	number=$((number + 1))
	say "ok $number - $1 # skip $2"
}

kernel=$(ls src/kernel/*.c)
doors=$(ls src/*.c src/train/*.c 2>/dev/null)

# --- compilers, warnings as errors ---

warn="-Werror -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes
	-Wold-style-definition -Wpointer-arith -Wvla -Wundef -Wcast-qual
	-Wwrite-strings -Wformat=2 -Wimplicit-fallthrough"
# callbacks leave parameters unused, the server's interfaces know little of
# const, and its structs are filled in part
door_warn="$warn -Wno-unused-parameter -Wno-missing-field-initializers
	-Wno-cast-qual -Wno-write-strings"
# the server's headers are not ours to mend
include=$(plain_make -s print-CPPFLAGS | tr ' ' '\n' |
	sed -n 's/^-I\(\/.*\)/-isystem \1/p; /^-D/p' | grep -v RS_BUILD | tr '\n' ' ')

for compiler in gcc clang; do
	if ! command -v $compiler >/dev/null; then
		skip "$compiler" "not installed"
		continue
	fi
	# without the server's headers and flags: the kernels need neither
	for file in $kernel; do
		$compiler -std=gnu99 -O2 -Isrc $warn -c -o /dev/null "$file"
	done >"$scratch/found" 2>&1
	report "$compiler: kernels"
	for file in $doors; do
		eval "$compiler" -std=gnu99 -O2 -Isrc "-DRS_BUILD='\"lint\"'" \
			"$include" "$(plain_make -s print-OPENBLAS_CFLAGS)" \
			$door_warn -c -o /dev/null "$file"
	done >"$scratch/found" 2>&1
	report "$compiler: doors and training"
done

# --- cppcheck ---

if command -v cppcheck >/dev/null; then
	cppcheck -q --std=c99 --enable=warning,performance,portability \
		--inline-suppr --library=posix --library=test/lint/cppcheck.cfg \
		--template='{file}:{line}: {id}: {message}' -Isrc src \
		>"$scratch/found" 2>&1
	report "cppcheck"
else
	skip "cppcheck" "not installed"
fi

# --- includes ---

grep -nE '^[ 	]*#[ 	]*include' src/kernel/*.[ch] |
	grep -vE '<(assert|cpuid|errno|float|immintrin|limits|math|stdbool|stddef|stdint|stdlib|string|x86intrin)\.h>|"(kernel/)?[a-z0-9_]+\.h"' >"$scratch/found"
for name in $(sed -n 's/^[ 	]*#[ 	]*include "\(kernel\/\)\{0,1\}\(.*\)".*/\2/p' src/kernel/*.[ch] | sort -u); do
	[ -f "src/kernel/$name" ] || say "src/kernel/$name is not there" >>"$scratch/found"
done
report "src/kernel includes itself and the C library only"

grep -nE '#[ 	]*include.*(train/|cblas|lapack)' src/*.[ch] src/kernel/*.[ch] >"$scratch/found"
report "BLAS and src/train are included by src/train only"

for file in $doors; do
	[ "$(sed -n 's/^#include //p' "$file" | head -1)" = '"postgres.h"' ] || say "$file"
done >"$scratch/found"
grep -ln 'include "postgres.h"' src/*.h src/train/*.h >>"$scratch/found" 2>/dev/null
report "postgres.h comes first in each .c and in no .h"

grep -nwE '(strcpy|strcat|sprintf|vsprintf|gets|strtok)' src/*.c src/*/*.c >"$scratch/found"
report "no unbounded string functions"

# --- libraries ---

for library in recsys recsys_train; do
	[ -f $library.so ] || build || exit 1
	case $library in
	recsys) pattern='(pg_finfo_)?recsys_.*' ;;
	recsys_train) pattern='rs_train_.*|rs_detect_bots' ;;
	esac
	nm -D --defined-only $library.so | awk '{ print $NF }' |
		grep -vE "^(Pg_magic_func|_PG_init|$pattern)$" >"$scratch/found"
	report "$library exports nothing but what is meant to be found"
	if [ $library = recsys ]; then
		readelf -d recsys.so | grep NEEDED | grep -E 'blas|lapack|pthread|gomp' >"$scratch/found"
		report "recsys links no BLAS"
	fi
done

# --- scripts ---

for file in $(find test .ci -name '*.sh') .ci/run; do
	sh -n "$file"
done >"$scratch/found" 2>&1
report "shell scripts parse"

# --- the catalog ---

catalog() {
	psql -X -q -At -F ' ' -v ON_ERROR_STOP=1 -d "$1" -f test/lint/catalog.sql
}

run_catalog() {
	psql -X -q -d postgres -c "CREATE DATABASE recsys_lint" || return 1
	catalog recsys_lint 2>&1
	status=$?
	psql -X -q -d postgres -c "DROP DATABASE recsys_lint"
	return $status
}

if [ -n "${PGHOST:-}" ]; then
	run_catalog >"$scratch/catalog"
else
	dir=$(new_dir) || exit 1
	trap 'rm -rf "$scratch"; stop_cluster "$dir"' EXIT
	build && start_cluster "$dir" && . "$dir/env" && run_catalog >"$scratch/catalog"
fi
if [ $? -ne 0 ] || ! grep -q '^rule ' "$scratch/catalog"; then
	cp "$scratch/catalog" "$scratch/found"
	[ -s "$scratch/found" ] || say "no answer" >"$scratch/found"
	report "catalog: could not be read"
else
	# "rule NAME" and "found NAME: OBJECT" lines
	sed -n 's/^rule //p' "$scratch/catalog" >"$scratch/rules"
	while read -r rule; do
		sed -n "s/^found $rule: //p" "$scratch/catalog" >"$scratch/found"
		report "catalog: $rule"
	done <"$scratch/rules"
	sed -n 's/^public //p' "$scratch/catalog" >"$scratch/public"
	while read -r name; do
		grep -qF "$name" README.md || say "$name"
	done <"$scratch/public" >"$scratch/found"
	report "README.md names every function, table and view"
	sed -n 's/^doc //p' "$scratch/catalog" >"$scratch/tables.md"
	[ "${DOC:-}" != 1 ] || cp "$scratch/tables.md" doc/tables.md
	diff doc/tables.md "$scratch/tables.md" >"$scratch/found" 2>&1
	report "doc/tables.md says what the catalog says (DOC=1 writes it)"
	sed -n 's/^skip //p' "$scratch/catalog" >"$scratch/skips"
	while read -r rule; do
		skip "catalog: $rule" "plpgsql_check is not installed"
	done <"$scratch/skips"
fi

say "1..$number"
[ $bad -eq 0 ]
