#!/bin/sh
# Looks for what the build, the demo and the tests need, and installs what is
# missing by Debian's package names: as root, or with DEPS=1 through sudo.
# Otherwise it prints the line to paste, and fails.
#
#	test/deps.sh build|demo|test|bench|lint [DATA]

cd "$(dirname "$0")/.." || exit 1
. test/lib.sh

what=${1:-test}
data=${2:-}
missing=
need() { missing="$missing $*"; }

case $PG_CONFIG in
pg_config) ;;
*) [ -x "$PG_CONFIG" ] || die "PG_CONFIG: $PG_CONFIG is not there" ;;
esac

# --- what is missing ---

check() {
	missing=
	command -v gcc >/dev/null || command -v cc >/dev/null || need gcc libc6-dev
	command -v make >/dev/null || need make
	bindir=$("$PG_CONFIG" --bindir 2>/dev/null)
	major=$("$PG_CONFIG" --version 2>/dev/null | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
	if [ -z "$bindir" ] || [ ! -e "$("$PG_CONFIG" --pgxs 2>/dev/null)" ]; then
		need "postgresql-server-dev-${major:-NN}"
	fi
	[ -n "$bindir" ] && [ -x "$bindir/postgres" ] || need "postgresql-${major:-NN}"
	[ -n "$bindir" ] && [ -x "$bindir/psql" ] || need "postgresql-client-${major:-NN}"
	if ! pkg-config --exists openblas 2>/dev/null; then
		printf '#include <cblas.h>\nint main(void) { return cblas_isamax(0, 0, 1) != 0; }\n' |
			${CC:-gcc} -x c - -o /dev/null -lopenblas 2>/dev/null || need libopenblas-dev
	fi
	case $what in test)
		perl -MIPC::Run -e 1 2>/dev/null || need libipc-run-perl
		command -v prove >/dev/null || need perl
		# the page and the contract with BI tools, by their own means
		command -v chromium >/dev/null || command -v google-chrome >/dev/null || need chromium
		command -v isql >/dev/null || need unixodbc
		ls /usr/lib/*/odbc/psqlodbcw.so >/dev/null 2>&1 || need odbc-postgresql
		[ -e /usr/share/java/postgresql.jar ] || need libpostgresql-jdbc-java
		command -v javac >/dev/null || need default-jdk-headless
		[ -x /usr/sbin/pgbouncer ] || command -v pgbouncer >/dev/null || need pgbouncer
		# without it the jobs of schedule are not tested
		[ -z "$major" ] || [ -e "$("$PG_CONFIG" --sharedir 2>/dev/null)/extension/pg_cron.control" ] ||
			! apt-cache show "postgresql-$major-cron" >/dev/null 2>&1 || need "postgresql-$major-cron"
		;;
	esac
	case $what in test | lint)
		command -v clang >/dev/null || need clang
		command -v cppcheck >/dev/null || need cppcheck
		;;
	esac
	case $data in movielens)
		if ! command -v Rscript >/dev/null; then
			need r-base-core r-cran-dslabs
		elif ! Rscript -e 'q(status = !nzchar(system.file(package = "dslabs")))' >/dev/null 2>&1; then
			need r-cran-dslabs
		fi
		;;
	esac
	[ -z "$missing" ]
}

[ "$what" = build ] || { check && exit 0; }
[ "$what" != build ] || check || :
if [ -z "$missing" ]; then
	die "PostgreSQL's development files were not found: say where by PG_CONFIG=/path/to/pg_config"
fi

command -v apt-get >/dev/null || die "missing:$missing (Debian's package names)"

# --- which PostgreSQL: that of pg_config, or the one that Debian offers ---

name_packages() {
	case $missing in *-NN*)
		nn=$(apt-cache show postgresql 2>/dev/null |
			sed -n 's/^Depends:.*postgresql-\([0-9][0-9]*\).*/\1/p' | sort -n | tail -1)
		missing=$(say "$missing" | sed "s/-NN/-${nn:-15}/g")
		;;
	esac
	missing=${missing# }
}

# --- install, or say how ---

if [ "$what" != build ] && [ "$(id -u)" -eq 0 ]; then
	sudo=
elif [ "$what" != build ] && [ "${DEPS:-}" = 1 ] && command -v sudo >/dev/null; then
	sudo=sudo
else
	name_packages
	say "missing packages; to install them, paste:" \
		"  sudo apt-get install --no-install-recommends $missing" >&2
	exit 1
fi

$sudo apt-get -qq update >&2 || :
name_packages
say "installing $missing"

# A newly installed server would make and start a cluster of its own.
conf=/etc/postgresql-common/createcluster.d/recsys-deps.conf
case " $missing" in *" postgresql-"[0-9]*)
	$sudo mkdir -p "${conf%/*}"
	trap '$sudo rm -f "$conf"' EXIT
	trap 'exit 130' INT
	say "create_main_cluster = false" | $sudo tee "$conf" >/dev/null
	;;
esac
log=$(mktemp) || exit 1
# shellcheck disable=SC2086
$sudo env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
	apt-get -q -y install --no-install-recommends $missing >"$log" 2>&1 </dev/null
status=$?
if [ $status -ne 0 ]; then
	tail -20 "$log" >&2
	rm -f "$log"
	die "could not install $missing"
fi
rm -f "$log"
hash -r 2>/dev/null
check || die "still missing after the installation:$missing"
