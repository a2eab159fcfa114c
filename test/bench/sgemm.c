/*-------------------------------------------------------------------------
 *
 * sgemm.c
 *	  What the machine's BLAS can do, to measure against.
 *
 *	  sgemm peak PROCESSES				GFLOP/s of all of them at once
 *	  sgemm lists USERS ITEMS FACTORS	seconds of the scores of all lists
 *
 * One thread each.  "peak" multiplies square matrices that stay in the cache;
 * each process takes the best of its runs, while all are at work.  "lists" is
 * the bare product of batch scoring: blocks of users by all items, into one
 * block of scores that is written over again.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PEAK_SIZE 768
#define PEAK_SECONDS 2.0
#define BLOCK_USERS 256
#define BLOCK_ITEMS 2048

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static float *
matrix(size_t n)
{
	float	   *x = malloc(n * sizeof(float));
	size_t		i;

	if (x == NULL)
		exit(1);
	for (i = 0; i < n; i++)
		x[i] = (float) (i * 7919 % 1000) / 1000 - .5f;
	return x;
}

/* One process's best GFLOP/s within PEAK_SECONDS. */
static double
peak(void)
{
	size_t		n = PEAK_SIZE;
	float	   *a = matrix(n * n);
	float	   *b = matrix(n * n);
	float	   *c = matrix(n * n);
	double		end = now() + PEAK_SECONDS;
	double		best = 0;

	while (now() < end)
	{
		double		start = now();
		double		rate;

		cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int) n, (int) n,
					(int) n, 1, a, (int) n, b, (int) n, 0, c, (int) n);
		rate = 2e-9 * (double) n * (double) n * (double) n / (now() - start);
		if (rate > best)
			best = rate;
	}
	free(a);
	free(b);
	free(c);
	return best;
}

static int
peak_of(int processes)
{
	int			pipes[2];
	double		rate;
	double		total = 0;
	int			failed = 0;
	int			status;
	int			i;

	if (pipe(pipes) != 0)
		return 1;
	for (i = 0; i < processes; i++)
		if (fork() == 0)
		{
			rate = peak();
			_exit(write(pipes[1], &rate, sizeof(rate)) != sizeof(rate));
		}
	for (i = 0; i < processes; i++)
		if (wait(&status) < 0 || status != 0)
			failed = 1;
		else if (read(pipes[0], &rate, sizeof(rate)) == sizeof(rate))
			total += rate;
	printf("%.1f\n", total);
	return failed;
}

/* Seconds of users x items scores. */
static int
lists(int users, int items, int factors)
{
	float	   *user = matrix((size_t) BLOCK_USERS * (size_t) factors);
	float	   *item = matrix((size_t) items * (size_t) factors);
	float	   *score = matrix((size_t) BLOCK_USERS * BLOCK_ITEMS);
	double		start = now();
	int			u;
	int			i;

	for (u = 0; u < users; u += BLOCK_USERS)
		for (i = 0; i < items; i += BLOCK_ITEMS)
			cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans,
						users - u < BLOCK_USERS ? users - u : BLOCK_USERS,
						items - i < BLOCK_ITEMS ? items - i : BLOCK_ITEMS,
						factors, 1, user, factors,
						item + (size_t) i * (size_t) factors, factors,
						0, score, BLOCK_ITEMS);
	printf("%.4f\n", now() - start);
	free(user);
	free(item);
	free(score);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "peak") == 0)
		return peak_of(atoi(argv[2]));
	if (argc == 5 && strcmp(argv[1], "lists") == 0)
		return lists(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
	fprintf(stderr, "usage: sgemm peak PROCESSES | lists USERS ITEMS FACTORS\n");
	return 1;
}
