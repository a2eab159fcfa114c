#!/bin/sh
# Reads the first line of a CSV and prints its delimiter and its number of
# columns, as "comma 4".
head -n 1 | awk '
{
	found = 1
	gsub(/"[^"]*"/, "")
	best = gsub(/,/, ",")
	name = "comma"
	n = gsub(/\t/, "\t")
	if (n > best) { best = n; name = "tab" }
	n = gsub(/;/, ";")
	if (n > best) { best = n; name = "semicolon" }
	print name, best + 1
}
END { exit !found }'
