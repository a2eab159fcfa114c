/*-------------------------------------------------------------------------
 *
 * item.h
 *	  Items of any type as the bytes in which their type is sent.
 *
 * Aggregate states hold items in this form and no type, so that a state made
 * on one server can be combined and finished on another.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_ITEM_H
#define RS_ITEM_H

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/array.h"

typedef struct RsItemType
{
	Oid			type;
	Oid			base;			/* below domains */
	int16		length;
	bool		by_value;
	char		align;
	FmgrInfo	send;
	FmgrInfo	receive;
	Oid			receive_param;
} RsItemType;

/* the type of an argument, looked up once for each place of call */
extern RsItemType *rs_item_type(FunctionCallInfo fcinfo, int argument);

/* appends the bytes of an item; says how many */
extern int	rs_item_send(RsItemType *type, Datum item, StringInfo bytes);

extern Datum rs_item_receive(RsItemType *type, const char *bytes, int length);

/* as of memcmp, a shorter one first where it is the other's beginning */
extern int	rs_item_compare(const char *a, int length_a,
							const char *b, int length_b);

#endif							/* RS_ITEM_H */
