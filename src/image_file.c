/*-------------------------------------------------------------------------
 *
 * image_file.c
 *	  Images of models that all backends of a database share.
 *
 * An image is written once, as a temporary file of PostgreSQL's, and then given
 * a second name by link(2),
 *
 *		pgsql_tmp.recsys.DATABASE.MODEL.NONCE
 *		pgsql_tmp.recsys.DATABASE.MODEL.NONCE.users
 *
 * in the directory of temporary files.  So the name stands for a whole image or
 * for nothing: whatever ends the writer (an error, cancel, terminate, a full
 * disk), the file without the name goes with it, and the server's start, after
 * a crash too, sweeps both.  Every backend maps the file and reads it in place;
 * it stays valid while mapped after the name has gone.
 *
 * Nothing is believed of a file that its header's checksum and key do not say.
 * The checksum of the whole is compared where that takes no time: of an image
 * of CHECKED_BYTES and less.  Of a large one it would read the gigabyte that
 * the calls of a session may never touch, to find what neither a crash nor a
 * full disk can leave behind.
 *
 * A name is removed when its model is deleted and the deletion commits; on a
 * standby, where nothing is deleted, by who makes the next image of that
 * recommender.  To remove too much does no harm: the image is made anew.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/file_utils.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "image.h"

#define CHECKED_BYTES	(4 * 1024 * 1024)
#define WRITE_BYTES		(1024 * 1024)
#define NAME_FORMAT		PG_TEMP_FILE_PREFIX ".recsys.%u." INT64_FORMAT ".%016" PRIx64
#define NAME_PREFIX		PG_TEMP_FILE_PREFIX ".recsys.%u."

static void
path_of(const RsImageKey *key, char *path)
{
	char		folder[MAXPGPATH];

	TempTablespacePath(folder, MyDatabaseTableSpace);
	snprintf(path, MAXPGPATH, "%s/" NAME_FORMAT "%s", folder, key->database, key->model_id, (uint64) key->nonce,
			 key->side == RS_IMAGE_USERS ? ".users" : "");
}

bool
rs_image_exists(const RsImageKey *key)
{
	char		path[MAXPGPATH];
	struct stat st;

	path_of(key, path);
	return stat(path, &st) == 0;
}

/* ---- reading ---- */

void
rs_image_unmap(const void *memory, Size length)
{
	munmap(unconstify(void *, memory), length);
}

/*
 * Maps an open file, if it is ours to trust and the image asked for.  wrong:
 * it is not; that memory cannot be had is no fault of the file's.
 */
static const void *
map_file(int fd, const RsImageKey *key, Size *length, bool *wrong)
{
	struct stat st;
	void	   *memory;

	*wrong = true;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
		(st.st_mode & (S_IWGRP | S_IWOTH)) != 0 || st.st_size < (off_t) sizeof(RsImageHeader))
		return NULL;
	memory = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
	{
		*wrong = false;
		return NULL;
	}
	*length = st.st_size;
	if (rs_image_check(memory, *length, key) &&
		(*length > CHECKED_BYTES || rs_image_check_content(memory)))
		return memory;
	rs_image_unmap(memory, *length);
	return NULL;
}

/* The image of a model, or NULL where there is none that is right. */
const void *
rs_image_map(const RsImageKey *key, Size *length)
{
	char		path[MAXPGPATH];
	const void *memory;
	bool		wrong;
	int			fd;

	path_of(key, path);
	fd = OpenTransientFile(path, O_RDONLY | PG_BINARY);
	if (fd < 0)
		return NULL;
	memory = map_file(fd, key, length, &wrong);
	CloseTransientFile(fd);
	if (memory == NULL && wrong)
	{
		ereport(LOG,
				(errmsg("file \"%s\" is not the image of model " INT64_FORMAT " that it should be, and is removed",
						path, key->model_id)));
		unlink(path);
	}
	return memory;
}

/* ---- writing ---- */

/* Writes bytes at a place of the file; false where the system does not. */
static bool
write_bytes(File file, const void *from, Size n, off_t at)
{
	const char *p = from;

	while (n > 0)
	{
		int			piece = (int) Min(n, WRITE_BYTES);

		CHECK_FOR_INTERRUPTS();
		errno = 0;
		if (FileWrite(file, unconstify(char *, p), piece, at, WAIT_EVENT_BUFFILE_WRITE) != piece)
		{
			if (errno == 0)
				errno = ENOSPC;
			return false;
		}
		p += piece;
		at += piece;
		n -= piece;
	}
	return true;
}

/* Header and parts, each padded with zeros up to the next one. */
static bool
write_image(File file, const RsImageParts *p)
{
	static const char zeros[RS_IMAGE_ALIGN];
	const RsImageHeader *h = &p->header;
	Size		bytes = sizeof(*h);

	if (!write_bytes(file, h, bytes, 0) ||
		!write_bytes(file, zeros, rs_image_padded(bytes) - bytes, bytes))
		return false;
	for (int i = 0; i < RS_IMAGE_PARTS; i++)
	{
		bytes = h->bytes[i];
		if (!write_bytes(file, p->part[i], bytes, h->offset[i]) ||
			!write_bytes(file, zeros, rs_image_padded(bytes) - bytes, h->offset[i] + bytes))
			return false;
	}
	return true;
}

/* Gives the file its name; that somebody was first is as good. */
static bool
name_file(File file, const RsImageKey *key)
{
	char		path[MAXPGPATH];

	path_of(key, path);
	return chmod(FilePathName(file), S_IRUSR | S_IWUSR) == 0 &&
		(link(FilePathName(file), path) == 0 || errno == EEXIST);
}

/* Tells the administrator why sessions keep copies of their own. */
static void
report_private(const RsImageKey *key, const char *why)
{
	ereport(LOG,
			(errmsg("could not share model " INT64_FORMAT " between sessions: %s", key->model_id, why),
			 errdetail("Each session that serves it keeps a copy in its own memory.")));
}

/*
 * Does an error end the statement (a cancel, a conflict with recovery)?  All
 * others say that the file cannot be had.
 */
static bool
ends_statement(int sqlerrcode)
{
	int			category = ERRCODE_TO_CATEGORY(sqlerrcode);

	return category == ERRCODE_OPERATOR_INTERVENTION || category == ERRCODE_TRANSACTION_ROLLBACK;
}

/*
 * Writes an image for all; false where that cannot be had.  The file belongs
 * to no transaction, so that temp_tablespaces does not apply to it: the name
 * has to be in one directory.  Therefore it is closed here whatever happens,
 * and by the server when the process ends.
 */
bool
rs_image_share(const RsImageKey *key, const RsImageParts *p)
{
	MemoryContext context = CurrentMemoryContext;
	volatile File file = -1;
	volatile bool shared = false;

	PG_TRY();
	{
		file = OpenTemporaryFile(true);
		shared = write_image(file, p) && name_file(file, key);
		if (!shared)
			report_private(key, strerror(errno));
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (file >= 0)
			FileClose(file);
		file = -1;
		if (ends_statement(error->sqlerrcode))
			PG_RE_THROW();
		FlushErrorState();
		report_private(key, error->message);
	}
	PG_END_TRY();
	if (file >= 0)
		FileClose(file);
	return shared;
}

/* ---- removing ---- */

/* Whether a file's header names this recommender. */
static bool
is_of_schema(const char *path, Oid schema)
{
	RsImageHeader h;
	int			fd = open(path, O_RDONLY | PG_BINARY, 0);
	bool		found;

	if (fd < 0)
		return false;
	found = read(fd, &h, sizeof(h)) == (ssize_t) sizeof(h) && h.key.schema == schema;
	close(fd);
	return found;
}

/*
 * Removes the names of this database's images that the caller chooses: of
 * these models, or (schema given) of all others of the schema's up to the last
 * of these.  Raises no error, since it may run after the transaction has
 * committed.
 */
static void
remove_names(const int64 *models, int n, Oid schema)
{
	char		folder[MAXPGPATH];
	char		prefix[64];
	DIR		   *dir;
	struct dirent *entry;

	TempTablespacePath(folder, MyDatabaseTableSpace);
	snprintf(prefix, sizeof(prefix), NAME_PREFIX, MyDatabaseId);
	dir = opendir(folder);
	if (dir == NULL)
		return;
	while ((entry = ReadDirExtended(dir, folder, LOG)) != NULL)
	{
		char		path[MAXPGPATH * 2];
		long long	model;
		bool		listed = false;

		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		model = strtoll(entry->d_name + strlen(prefix), NULL, 10);
		for (int i = 0; i < n && !listed; i++)
			listed = (models[i] == model);
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (OidIsValid(schema) ? (!listed && model < models[n - 1] && is_of_schema(path, schema)) : listed)
			unlink(path);
	}
	closedir(dir);
}

/*
 * Removes what is left of this recommender's models that are no more, or no
 * longer ready; not of those newer than the given one, which the snapshot may
 * not show.
 */
void
rs_image_sweep(const RsRecommender *r, const RsImageKey *key)
{
	Oid			type = NAMEOID;
	Oid			column = INT8OID;
	Datum		name = NameGetDatum(&r->name);
	int			n = (int) rs_spi_select("SELECT m.model_id FROM recsys.model m WHERE m.recommender = $1 AND m.status = 'ready'",
										1, &type, &name, 1, &column);
	int64	   *ready = palloc((n + 1) * sizeof(int64));

	for (int i = 0; i < n; i++)
		ready[i] = DatumGetInt64(rs_spi_value(i, 1));
	ready[n] = key->model_id;
	SPI_freetuptable(SPI_tuptable);
	remove_names(ready, n + 1, r->schema_oid);
	pfree(ready);
}

/* Models whose images go when the transaction commits. */
static struct
{
	int			n;
	int			allocated;
	int64	   *model;			/* in TopMemoryContext */
}			doomed;

static void
at_end_of_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
		if (doomed.n > 0)
			remove_names(doomed.model, doomed.n, InvalidOid);
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		doomed.n = 0;
}

void
rs_image_doom(int64 model_id)
{
	if (doomed.model == NULL)
	{
		doomed.allocated = 16;
		doomed.model = MemoryContextAlloc(TopMemoryContext, doomed.allocated * sizeof(int64));
		RegisterXactCallback(at_end_of_transaction, NULL);
	}
	if (doomed.n == doomed.allocated)
	{
		doomed.model = repalloc(doomed.model, 2 * doomed.allocated * sizeof(int64));
		doomed.allocated *= 2;
	}
	doomed.model[doomed.n++] = model_id;
}
