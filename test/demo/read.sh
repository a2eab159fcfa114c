# read_data NAME [FILE]: what NAME.sql reads from its standard input.  Sourced,
# from the top of the source tree.

read_data() {
	case $1 in
	shop) : ;;
	movielens) Rscript --vanilla test/demo/movielens.R ;;
	goodbooks)
		# two files, each to the end of its copy
		for f in "$2" "${2%/*}/book.csv.gz"; do
			gzip -dc "$f" | tr -d '\r'
			say '\.'
		done
		;;
	*)
		case $2 in *.gz) gzip -dc "$2" ;; *) cat "$2" ;; esac
		;;
	esac
}
