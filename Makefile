# recsys: recommendations trained, evaluated and served in the database

EXTENSION = recsys
EXTVERSION = 0.1.0
MODULE_big = recsys

# PostgreSQL-free kernels, in both libraries
KERNEL = $(patsubst %,src/kernel/%.o,ab als als_cg bots bpr cooccurrence cooccurrence_cap csr \
	explicit feature fold_in funnel funnel_feature funnel_open group history index index_search \
	linear linear_calibrate linear_loss linear_newton merge metric rank rank_list rating rerank \
	returns score select simd stats topk window)

# both libraries need these rooms; each links its own copy, hidden
COMMON = $(KERNEL) src/argument.o src/array.o src/cache.o src/eligible.o src/filter.o \
	src/history.o src/id_type.o src/idmap.o src/image.o src/image_build.o src/image_file.o src/image_parts.o \
	src/owner.o src/plan.o src/reason.o src/registry.o src/stream.o

# recsys.so: every SQL-declared function; links no BLAS
OBJS = $(COMMON) src/recsys.o src/ab.o src/als.o src/cooccurrence.o src/item.o src/metric.o src/top_k.o \
	src/definition.o src/report.o src/run.o src/progress.o src/train_door.o src/recommend.o src/list.o src/supply.o \
	src/fresh.o src/rules.o src/score.o src/experiment.o src/serve.o src/log.o src/request_id.o src/feature_name.o src/replay.o src/replay_list.o src/image_door.o \
	src/similar.o src/demo_shop.o src/demo_shop_title.o \
	src/demo_shop_world.o src/demo_shop_event.o

# recsys_train.so: reached by load_external_function; links OpenBLAS
TRAIN_OBJS = $(COMMON) src/train/train.o src/train/policy.o src/train/loader.o src/train/estimate.o \
	src/train/bots.o src/train/split.o src/train/matrix.o src/train/team.o \
	src/train/parts.o src/train/als_job.o src/train/factors.o src/train/explicit.o src/train/bpr.o \
	src/train/neighbors.o src/train/facts.o src/train/view.o src/train/learn.o src/train/plan.o \
	src/train/lister.o src/train/targets.o src/train/evaluate.o src/train/outcome.o src/train/ratings.o \
	src/train/model.o src/train/batch.o src/train/batch_job.o src/train/batch_users.o \
	src/train/store.o src/train/write.o src/train/progress.o src/train/stop.o src/train/skew.o src/train/tune.o src/train/warm.o

# the install script is the parts in this order
SQL_PARTS = head registry array als metric ab top_k cooccurrence check interaction definition \
	rules policy quality detect_bots train progress estimate evaluate retrain batch tune serve log experiment experiment_control experiment_metric experiment_report demo_shop
SQL_SCRIPT = sql/$(EXTENSION)--$(EXTVERSION).sql

DATA_built = $(SQL_SCRIPT)
REGRESS = extension array als metric ab top_k definition interaction quality detect_bots demo_shop \
	cleaning train ratings bpr cooccurrence reproduce evaluate tune recommend serve replay experiment experiment_report batch rights abuse badinput
ISOLATION = two_runs publish
REGRESS_OPTS = --inputdir=test --load-extension=recsys
ISOLATION_OPTS = --inputdir=test --outputdir=. --load-extension=recsys
TAP_TESTS = 1
PROVE_TESTS ?= test/t/*.pl

RS_CFLAGS = -std=gnu99 -O3 -fvisibility=hidden -fno-math-errno -Wno-declaration-after-statement
PG_CPPFLAGS = -I$(srcdir)/src -DRS_BUILD='"$(EXTVERSION)-$(MAJORVERSION)"'
PG_CFLAGS = $(RS_CFLAGS)
SHLIB_LINK = -Wl,-Bsymbolic -lm

EXTRA_CLEAN = $(TRAIN_OBJS) $(TRAIN_OBJS:.o=.bc) recsys_train$(DLSUFFIX) \
	$(SQL_SCRIPT)

PG_CONFIG ?= pg_config
# empty where PostgreSQL's development files are missing: "make deps" still works
PGXS := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))
# No LLVM bitcode: it would need clang at build time, and its inlining would
# lose the kernels' own processor dispatch.
override with_llvm = no
include $(PGXS)

ifeq ($(PGXS),)
all install uninstall installcheck:
	@sh $(or $(VPATH),.)/test/deps.sh build
else

# --- what the libraries export ---

# Two lists rule it.  The compiler hides everything else beforehand, but for
# PostgreSQL 15, whose PG_FUNCTION_INFO_V1 does not mark a function.
SHLIB_LINK += -Wl,--version-script=$(srcdir)/src/$(basename $(@F)).map
$(MODULE_big)$(DLSUFFIX): $(srcdir)/src/$(MODULE_big).map
recsys_train$(DLSUFFIX): $(srcdir)/src/recsys_train.map
ifeq ($(MAJORVERSION),15)
$(filter-out $(KERNEL),$(sort $(OBJS) $(TRAIN_OBJS))): override CFLAGS += \
	-fvisibility=default -fno-semantic-interposition
endif

# --- the install script ---

$(SQL_SCRIPT): $(SQL_PARTS:%=sql/install/%.sql) Makefile | build/flags
	cat $(SQL_PARTS:%=$(srcdir)/sql/install/%.sql) > $@

# --- recsys_train.so ---

TRAIN_LIB = recsys_train$(DLSUFFIX)
OPENBLAS_CFLAGS ?= $(shell pkg-config --cflags openblas 2>/dev/null)
OPENBLAS_LIBS ?= $(or $(shell pkg-config --libs openblas 2>/dev/null),-lopenblas)

$(filter src/train/%,$(TRAIN_OBJS)): override CPPFLAGS += $(OPENBLAS_CFLAGS)

$(TRAIN_LIB): $(TRAIN_OBJS)
	$(LINK.shared) -o $@ $(TRAIN_OBJS) $(LDFLAGS) $(LDFLAGS_SL) $(SHLIB_LINK) $(OPENBLAS_LIBS)

all: $(TRAIN_LIB)

.PHONY: install-train uninstall-train
install: install-train
install-train: $(TRAIN_LIB) installdirs
	$(INSTALL_SHLIB) $(TRAIN_LIB) '$(DESTDIR)$(pkglibdir)/$(TRAIN_LIB)'

uninstall: uninstall-train
uninstall-train:
	rm -f '$(DESTDIR)$(pkglibdir)/$(TRAIN_LIB)'

# --- what an object file depends on ---

ALL_OBJS = $(sort $(OBJS) $(TRAIN_OBJS))

$(ALL_OBJS): $(wildcard $(srcdir)/src/*.h $(srcdir)/src/*/*.h) build/flags

# changes when the server's version, the compiler or its flags do
.PHONY: force
build/flags: force
	@mkdir -p build sql $(sort $(dir $(ALL_OBJS)))
	@echo '$(VERSION) $(includedir_server) $(subst ','\'',$(CC) $(CFLAGS) $(CPPFLAGS))' > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

clean: clean-build
.PHONY: clean-build
clean-build:
	rm -rf build

endif

# --- the commands of the README; none of them touches an existing cluster ---

DATA_DIR ?= data
DATA ?=
KEEP ?=
DEPS ?=
BENCH ?=
CSV ?=
MEMORY ?=
export PG_CONFIG DATA_DIR KEEP DEPS BENCH CSV MEMORY

.PHONY: deps demo test bench lint
deps:
	@sh $(or $(VPATH),.)/test/deps.sh test "$(DATA)"

demo:
	@sh $(or $(VPATH),.)/test/deps.sh demo "$(DATA)"
	@sh $(or $(VPATH),.)/test/demo/demo.sh "$(DATA)"

test:
	@sh $(or $(VPATH),.)/test/deps.sh test
	@sh $(or $(VPATH),.)/test/all.sh

bench:
	@sh $(or $(VPATH),.)/test/deps.sh bench
	@sh $(or $(VPATH),.)/test/bench/bench.sh

lint:
	@sh $(or $(VPATH),.)/test/deps.sh lint
	@sh $(or $(VPATH),.)/test/lint/lint.sh

# the value of a variable, for the scripts
print-%:
	$(info $($*))@:
