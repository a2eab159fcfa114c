/*-------------------------------------------------------------------------
 *
 * sort_template.h
 *	  A sort with its comparison inlined, in place and without allocation.
 *
 * Define, then include, once for each order:
 *
 *		RS_SORT				name of the function: void name(type *x, size_t n)
 *		RS_SORT_TYPE		type of an element
 *		RS_SORT_LESS(a, b)	whether *a comes before *b; a strict weak order
 *
 * Short arrays are sorted by insertion, which is most of the work on users'
 * histories; longer ones, unless sorted already, by quicksort on the median of
 * three, with heapsort below a depth of 2 log2 n, so that no input costs more
 * than O(n log n) (Musser's introsort, 1997).  Elements that are equal come
 * out in any order: callers' orders are total.
 *
 *-------------------------------------------------------------------------
 */
#define RS_SORT_PASTE2(a, b)	a##b
#define RS_SORT_PASTE(a, b)		RS_SORT_PASTE2(a, b)
#define RS_SORT_INSERTION		RS_SORT_PASTE(RS_SORT, _insertion)
#define RS_SORT_SIFT			RS_SORT_PASTE(RS_SORT, _sift)
#define RS_SORT_QUICK			RS_SORT_PASTE(RS_SORT, _quick)

#define RS_SORT_SHORT			16

/* Inserts each element among those before it. */
static inline void
RS_SORT_INSERTION(RS_SORT_TYPE *x, size_t n)
{
	size_t		i;
	size_t		j;

	for (i = 1; i < n; i++)
	{
		RS_SORT_TYPE one = x[i];

		for (j = i; j > 0 && RS_SORT_LESS(&one, &x[j - 1]); j--)
			x[j] = x[j - 1];
		x[j] = one;
	}
}

/* Lets the element at the root sink to its place in a heap of n. */
static void
RS_SORT_SIFT(RS_SORT_TYPE *x, size_t root, size_t n)
{
	RS_SORT_TYPE one = x[root];
	size_t		child;

	for (; (child = 2 * root + 1) < n; root = child)
	{
		if (child + 1 < n && RS_SORT_LESS(&x[child], &x[child + 1]))
			child++;
		if (!RS_SORT_LESS(&one, &x[child]))
			break;
		x[root] = x[child];
	}
	x[root] = one;
}

/* The larger part is sorted in the loop, the smaller one by recursion. */
static void
RS_SORT_QUICK(RS_SORT_TYPE *x, size_t n, int depth)
{
	RS_SORT_TYPE swap;
	size_t		i;
	size_t		j;

	while (n > RS_SORT_SHORT)
	{
		RS_SORT_TYPE pivot;

		if (depth-- == 0)
		{
			for (i = n / 2; i-- > 0;)
				RS_SORT_SIFT(x, i, n);
			for (i = n - 1; i > 0; i--)
			{
				swap = x[0];
				x[0] = x[i];
				x[i] = swap;
				RS_SORT_SIFT(x, 0, i);
			}
			return;
		}

		/* the median of three to the middle, so that both scans stop */
		swap = x[n / 2];
		if (RS_SORT_LESS(&swap, &x[0]))
		{
			x[n / 2] = x[0];
			x[0] = swap;
		}
		swap = x[n - 1];
		if (RS_SORT_LESS(&swap, &x[n / 2]))
		{
			x[n - 1] = x[n / 2];
			x[n / 2] = swap;
			if (RS_SORT_LESS(&swap, &x[0]))
			{
				x[n / 2] = x[0];
				x[0] = swap;
			}
		}
		pivot = x[n / 2];

		for (i = 0, j = n - 1;; i++, j--)
		{
			while (RS_SORT_LESS(&x[i], &pivot))
				i++;
			while (RS_SORT_LESS(&pivot, &x[j]))
				j--;
			if (i >= j)
				break;
			swap = x[i];
			x[i] = x[j];
			x[j] = swap;
		}
		/* what is before i is not after the pivot, what is from i on not before it */
		if (i <= n - i)
		{
			RS_SORT_QUICK(x, i, depth);
			x += i;
			n -= i;
		}
		else
		{
			RS_SORT_QUICK(x + i, n - i, depth);
			n = i;
		}
	}
	RS_SORT_INSERTION(x, n);
}

static void
RS_SORT(RS_SORT_TYPE *x, size_t n)
{
	size_t		i;
	size_t		m;
	int			depth = 0;

	if (n <= RS_SORT_SHORT)
	{
		RS_SORT_INSERTION(x, n);
		return;
	}
	for (i = 1; i < n && !RS_SORT_LESS(&x[i], &x[i - 1]); i++)
		;
	if (i == n)
		return;
	for (m = n; m > 1; m /= 2)
		depth += 2;
	RS_SORT_QUICK(x, n, depth);
}

#undef RS_SORT_PASTE2
#undef RS_SORT_PASTE
#undef RS_SORT_INSERTION
#undef RS_SORT_SIFT
#undef RS_SORT_QUICK
#undef RS_SORT_SHORT
#undef RS_SORT
#undef RS_SORT_TYPE
#undef RS_SORT_LESS
