/*-------------------------------------------------------------------------
 *
 * list_row.c
 *	  The rows of a list: what is said of each item.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "listing.h"

static int
compare_uint32(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	return (x > y) - (x < y);
}

/* Labels of columns: titles in the catalog, or ids as text. */
typedef struct Labels
{
	int			n;
	uint32	   *column;			/* ascending */
	char	  **label;
} Labels;

/* Takes titles from the catalog where it has them. */
static void
read_titles(const RsRequest *q, Labels *l)
{
	Oid			type = get_array_type(q->r->item_type);
	Oid			types[] = {INT4OID, TEXTOID};
	Datum	   *items = palloc_extended((Size) l->n * sizeof(Datum), MCXT_ALLOC_HUGE);
	Datum		array;
	uint64		rows;

	for (int i = 0; i < l->n; i++)
		items[i] = rs_model_item(q->m, l->column[i]);
	array = rs_id_array(q->r->item_type, items, l->n);
	rows = rs_spi_select(psprintf("SELECT t.n::pg_catalog.int4, min(c.title) FROM pg_catalog.unnest($1)"
								  " WITH ORDINALITY t (item_id, n) JOIN %s.catalog c ON c.item_id = t.item_id"
								  " WHERE c.title IS NOT NULL GROUP BY t.n", q->r->schema),
						 1, &type, &array, lengthof(types), types);
	for (uint64 i = 0; i < rows; i++)
		l->label[DatumGetInt32(rs_spi_value(i, 1)) - 1] = TextDatumGetCString(rs_spi_value(i, 2));
	SPI_freetuptable(SPI_tuptable);
}

/* Labels of the items that speak for those of the page. */
static void
read_labels(const RsRequest *q, const RsEntry *entry, int n, Labels *l)
{
	Oid			output;
	bool		varlena;
	int			distinct = 0;

	l->n = 0;
	l->column = palloc_extended((Size) (n + 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	for (int i = 0; i < n; i++)
		if (entry[i].because != RS_NO_ID)
			l->column[l->n++] = entry[i].because;
	qsort(l->column, l->n, sizeof(uint32), compare_uint32);
	for (int i = 0; i < l->n; i++)
		if (i == 0 || l->column[i] != l->column[i - 1])
			l->column[distinct++] = l->column[i];
	l->n = distinct;
	if (l->n == 0)
		return;
	l->label = palloc_extended((Size) l->n * sizeof(char *), MCXT_ALLOC_HUGE);
	getTypeOutputInfo(q->r->item_type, &output, &varlena);
	for (int i = 0; i < l->n; i++)
		l->label[i] = OidOutputFunctionCall(output, rs_model_item(q->m, l->column[i]));
	if (q->r->has_catalog)
		read_titles(q, l);
}

char *
rs_item_label(const RsRequest *q, uint32 column)
{
	RsEntry		e = {0};
	Labels		l = {0};

	e.because = column;
	read_labels(q, &e, 1, &l);
	return l.label[0];
}

/* What the reason of an entry names: an item, or a category. */
static const char *
named(const RsRequest *q, const RsEntry *e, RsSource source, const Labels *l)
{
	if (source == RS_FROM_NEIGHBOR)
	{
		const uint32 *found = bsearch(&e->because, l->column, l->n, sizeof(uint32), compare_uint32);

		return l->label[found - l->column];
	}
	if (source == RS_FROM_CATEGORY && e->column != RS_NO_ID)
	{
		RsItemFacts facts = rs_funnel_facts(&q->m->funnel, e->column);

		if (facts.category != RS_NO_CATEGORY)
			return rs_model_category_name(q->m, facts.category);
	}
	return NULL;
}

/* One row of the answer. */
static void
describe_row(RsRequest *q, const RsEntry *e, const Labels *l, RsScoring scoring, RsListed *row)
{
	row->item = e->item;
	row->column = e->column;
	row->score = e->score;
	row->propensity = e->propensity;
	row->source = e->pinned ? RS_FROM_PIN : e->explored ? RS_FROM_EXPLORATION : e->source;
	row->reason = rs_reason(row->source, row->score, named(q, e, row->source, l));
	row->has_because = row->source == RS_FROM_NEIGHBOR;
	row->because = row->has_because ? rs_model_item(q->m, e->because) : (Datum) 0;
	row->features = NULL;
	if (q->want_features)
	{
		row->features = palloc(q->m->nfeatures * sizeof(float));
		rs_entry_features(q, e, row->features);
		row->base_score = scoring == RS_BY_RANKER ?
			rs_ranker_score(&q->m->funnel.ranker, row->features) : e->raw;
		row->boost = e->boost;
		row->freshness = e->fresh;
	}
}

RsListed *
rs_list_describe(RsRequest *q, RsScoring scoring, const RsEntry *entry, int n)
{
	Labels		labels = {0};
	RsListed   *rows = palloc_extended(((Size) n + 1) * sizeof(RsListed), MCXT_ALLOC_HUGE);

	read_labels(q, entry, n, &labels);
	for (int i = 0; i < n; i++)
		describe_row(q, &entry[i], &labels, scoring, &rows[i]);
	return rows;
}

RsListed *
rs_list_make(RsRequest *q, int *n)
{
	RsListing	l = {0};

	*n = 0;
	if (q->k <= 0)
		return NULL;
	rs_listing_run(&l, q);
	if (l.listed.n <= q->after)
		return NULL;
	*n = (int) Min(l.listed.n - q->after, q->k);
	return rs_list_describe(q, l.supply.scoring, l.listed.entry + q->after, *n);
}
