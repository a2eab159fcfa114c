/*-------------------------------------------------------------------------
 *
 * request_id.c
 *	  Ids of requests: UUIDs of version 7 (RFC 9562).
 *
 * 48 bits are the milliseconds since 1970 of the request's instant and 12 the
 * fraction of the millisecond (method 3 of its section 6.2), so that ids are
 * ordered as their instants are, and a request is found in its partition by
 * its id alone.  The other 62 bits are random, from the source that makes
 * passwords' salts: ids of one instant cannot be told beforehand.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "port/pg_bswap.h"

#include "log.h"
#include "kernel/hash.h"

/* microseconds from 1970 to 2000 */
#define UNIX_TO_POSTGRES \
	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

void
rs_request_id(TimestampTz requested_at, pg_uuid_t *id)
{
	int64		microseconds = requested_at + UNIX_TO_POSTGRES;
	uint64		milliseconds = (uint64) (microseconds / 1000);
	uint64		fraction = (uint64) (microseconds % 1000) * 4096 / 1000;
	uint64		word;

	word = pg_hton64(milliseconds << 16 | UINT64CONST(0x7000) | fraction);
	memcpy(id->data, &word, sizeof(word));
	if (!pg_strong_random(id->data + sizeof(word), sizeof(word)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	/* the variant */
	id->data[8] = (id->data[8] & 0x3f) | 0x80;
}

void
rs_request_id_span(const pg_uuid_t *id, TimestampTz *from, TimestampTz *until)
{
	uint64		word;

	memcpy(&word, id->data, sizeof(word));
	*from = (TimestampTz) (pg_ntoh64(word) >> 16) * 1000 - UNIX_TO_POSTGRES;
	*until = *from + 1000;
}

uint64
rs_request_id_seed(const pg_uuid_t *id)
{
	uint64		word[2];

	memcpy(word, id->data, sizeof(word));
	return rs_hash64(pg_ntoh64(word[0]) ^ rs_hash64(pg_ntoh64(word[1])));
}
