/*-------------------------------------------------------------------------
 *
 * item.c
 *	  Items of any type as the bytes in which their type is sent.
 *
 * The usual types of ids are written and read here, in the same bytes as by
 * their send functions, which would cost an allocation and a call for every
 * item.  Text is kept in the server's encoding: a state is not for a client.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/uuid.h"

#include "item.h"

/* Whether the bytes of a type are written here. */
static bool
is_known(Oid base)
{
	return base == INT4OID || base == INT8OID || base == UUIDOID ||
		base == TEXTOID || base == VARCHAROID;
}

static void
copy_exactly(void *to, int size, const char *bytes, int length)
{
	if (length != size)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("an item of a state has %d bytes instead of %d", length, size)));
	memcpy(to, bytes, size);
}

RsItemType *
rs_item_type(FunctionCallInfo fcinfo, int argument)
{
	RsItemType *t = fcinfo->flinfo->fn_extra;
	Oid			type;

	if (t != NULL)
		return t;
	type = get_fn_expr_argtype(fcinfo->flinfo, argument);
	if (!OidIsValid(type))
		elog(ERROR, "could not determine the type of the items");
	t = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(RsItemType));
	t->type = type;
	t->base = getBaseType(type);
	get_typlenbyvalalign(type, &t->length, &t->by_value, &t->align);
	if (!is_known(t->base))
	{
		Oid			function;
		bool		varlena;

		getTypeBinaryOutputInfo(type, &function, &varlena);
		fmgr_info_cxt(function, &t->send, fcinfo->flinfo->fn_mcxt);
		getTypeBinaryInputInfo(type, &function, &t->receive_param);
		fmgr_info_cxt(function, &t->receive, fcinfo->flinfo->fn_mcxt);
	}
	fcinfo->flinfo->fn_extra = t;
	return t;
}

int
rs_item_send(RsItemType *type, Datum item, StringInfo bytes)
{
	int			before = bytes->len;

	switch (type->base)
	{
		case INT4OID:
			{
				uint32		n = pg_hton32((uint32) DatumGetInt32(item));

				appendBinaryStringInfo(bytes, (char *) &n, sizeof(n));
				break;
			}
		case INT8OID:
			{
				uint64		n = pg_hton64((uint64) DatumGetInt64(item));

				appendBinaryStringInfo(bytes, (char *) &n, sizeof(n));
				break;
			}
		case UUIDOID:
			appendBinaryStringInfo(bytes, (char *) DatumGetUUIDP(item)->data, UUID_LEN);
			break;
		case TEXTOID:
		case VARCHAROID:
			{
				text	   *t = DatumGetTextPP(item);

				appendBinaryStringInfo(bytes, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
				break;
			}
		default:
			{
				bytea	   *sent = SendFunctionCall(&type->send, item);

				appendBinaryStringInfo(bytes, VARDATA(sent), VARSIZE(sent) - VARHDRSZ);
				pfree(sent);
			}
	}
	return bytes->len - before;
}

Datum
rs_item_receive(RsItemType *type, const char *bytes, int length)
{
	StringInfoData buf;

	switch (type->base)
	{
		case INT4OID:
			{
				uint32		n;

				copy_exactly(&n, sizeof(n), bytes, length);
				return Int32GetDatum((int32) pg_ntoh32(n));
			}
		case INT8OID:
			{
				uint64		n;

				copy_exactly(&n, sizeof(n), bytes, length);
				return Int64GetDatum((int64) pg_ntoh64(n));
			}
		case UUIDOID:
			{
				pg_uuid_t  *uuid = palloc(sizeof(pg_uuid_t));

				copy_exactly(uuid->data, UUID_LEN, bytes, length);
				return UUIDPGetDatum(uuid);
			}
		case TEXTOID:
		case VARCHAROID:
			return PointerGetDatum(cstring_to_text_with_len(bytes, length));
		default:
			initStringInfo(&buf);
			appendBinaryStringInfo(&buf, bytes, length);
			return ReceiveFunctionCall(&type->receive, &buf, type->receive_param, -1);
	}
}

int
rs_item_compare(const char *a, int length_a, const char *b, int length_b)
{
	int			c = memcmp(a, b, Min(length_a, length_b));

	return c != 0 ? c : length_a - length_b;
}
