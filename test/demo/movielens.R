# MovieLens "latest small" as CSV, from the package dslabs
suppressWarnings(data("movielens", package = "dslabs"))
write.csv(movielens[c("userId", "movieId", "rating", "timestamp", "title", "year", "genres")],
          stdout(), row.names = FALSE, na = "")
