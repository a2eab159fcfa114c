# Functions of the helper scripts; sourced, from the top of the source tree.
#
# A throwaway cluster runs from a shadow of the server's installation: its
# programs are copied, everything else is linked, and this extension is
# installed into the copy.  The programs find their libraries and scripts
# relative to themselves, so nothing is written outside the cluster's folder,
# and no setting of a distribution is needed.

say() { printf '%s\n' "$@"; }
die() { printf "%s\n" "$@" >&2; exit 1; }

PG_CONFIG=$(command -v "${PG_CONFIG:-pg_config}" || echo "${PG_CONFIG:-pg_config}")
: "${MAKE:=make}"

# The user that runs the server: oneself, or for root, whom it refuses,
# postgres.
server_user() {
	if [ "$(id -u)" -eq 0 ]; then say "${PGOWNER:-postgres}"; else id -un; fi
}

# run a command as that user
as_server() {
	if [ "$(id -u)" -ne 0 ]; then
		"$@"
	elif command -v runuser >/dev/null; then
		runuser -u "$(server_user)" -- "$@"
	else
		setpriv --reuid="$(server_user)" --regid="$(id -gn "$(server_user)")" \
			--init-groups -- "$@"
	fi
}

# make, without what the outer make was called with (DATA means something else)
plain_make() {
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u DATA -u MAKEOVERRIDES \
		"$MAKE" --no-print-directory "PG_CONFIG=$PG_CONFIG" "$@"
}

# build the libraries and the install script; one at a time in this tree
build() {
	mkdir -p build || return 1
	(
		! command -v flock >/dev/null || flock 9 || exit 1
		plain_make -s "-j$(jobs)" all >&2 9>&-
	) 9>build/lock
}

jobs() { getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1; }

# a new folder that the server's user owns; short, for the socket's sake
new_dir() {
	base=${TMPDIR:-/tmp}
	[ ${#base} -le 60 ] || base=/tmp
	dir=$(mktemp -d "$base/recsys.XXXXXX") || return 1
	[ "$(id -u)" -ne 0 ] || chown "$(server_user):" "$dir" || return 1
	say "$dir"
}

# link what is in folder $1 into folder $2, but for files of this extension
link_all() {
	mkdir -p "$2" || return 1
	for entry in "$1"/*; do
		case ${entry##*/} in recsys*) continue ;; esac
		[ ! -e "$entry" ] || [ -e "$2/${entry##*/}" ] || ln -s "$entry" "$2/" || return 1
	done
}

# shadow installation below $1, with the extension as built in this tree
shadow() {
	bindir=$("$PG_CONFIG" --bindir) || return 1
	sharedir=$("$PG_CONFIG" --sharedir)
	pkglibdir=$("$PG_CONFIG" --pkglibdir)
	plain_make -s install "DESTDIR=$1" >"$1.log" 2>&1 ||
		{ cat "$1.log" >&2; return 1; }
	mkdir -p "$1$bindir" && (
		# by name, since the folder may be /usr/bin
		cd "$bindir" && for program in postgres initdb psql pg_* pgbench createdb \
			dropdb createuser dropuser vacuumdb reindexdb clusterdb; do
			[ ! -f "$program" ] || cp -Lp "$program" "$1$bindir/" || exit 1
		done
	) &&
		link_all "$sharedir/extension" "$1$sharedir/extension" &&
		link_all "$sharedir" "$1$sharedir" &&
		link_all "$pkglibdir" "$1$pkglibdir"
}

# start a cluster in folder $1, and write $1/env to be sourced by its users;
# further arguments are lines for postgresql.conf
start_cluster() {
	dir=$1
	shift
	mkdir -p "$dir/install" && shadow "$dir/install" || return 1
	bin=$dir/install$("$PG_CONFIG" --bindir)
	say "$bin" >"$dir/bin"
	locale=C
	case $(locale -a 2>/dev/null) in *C.utf8* | *C.UTF-8*) locale=C.UTF-8 ;; esac
	(
		cd "$dir" &&
			as_server "$bin/initdb" -D "$dir/data" -U postgres -A trust -N \
				-E UTF8 --locale=$locale >"$dir/initdb.log" 2>&1 ||
			{ cat "$dir/initdb.log" >&2; exit 1; }
		{
			say "listen_addresses = ''"
			say "unix_socket_directories = '$dir'"
			say "fsync = off"
			say "timezone = 'UTC'"
			say "log_timezone = 'UTC'"
			for line in "$@"; do say "$line"; done
		} >>"$dir/data/postgresql.conf"
		as_server "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 60 start \
			>"$dir/start.log" 2>&1 </dev/null ||
			{ cat "$dir/start.log" "$dir/log" >&2; exit 1; }
	) || return 1
	cat >"$dir/env" <<-END
		unset PGSERVICE PGHOSTADDR PGPASSWORD PGOPTIONS PGSSLMODE
		export PGHOST='$dir' PGPORT=5432 PGUSER=postgres PGDATABASE=postgres PGTZ=UTC
		export PG_CONFIG='$PG_CONFIG' PATH='$bin':"\$PATH"
	END
}

# stop the cluster in folder $1 and remove the folder
stop_cluster() {
	[ -n "$1" ] && [ -d "$1" ] || return 0
	if [ -f "$1/data/postmaster.pid" ]; then
		(
			cd "$1" && as_server "$(cat "$1/bin")/pg_ctl" -D "$1/data" \
				-m immediate -w -t 30 stop
		) >/dev/null 2>&1 || { say "could not stop the server of $1" >&2; return 1; }
	fi
	rm -rf "$1"
}
