# recsys: recommendations trained, evaluated and served in the database

EXTENSION = recsys
EXTVERSION = 0.1.0
MODULE_big = recsys

# PostgreSQL-free kernels, in both libraries
KERNEL = $(patsubst %,src/kernel/%.o,ab als als_cg bots bpr cooccurrence cooccurrence_cap cosine csr \
	explicit feature fold_in funnel funnel_feature funnel_open group history index index_search \
	linear linear_calibrate linear_loss linear_newton merge metric rank rank_list rating rerank \
	returns score select simd stats topk window)

# both libraries need these rooms; each links its own copy, hidden
COMMON = $(KERNEL) $(patsubst %,src/%.o,argument array cache eligible entry filter fresh history \
	id_type idmap image image_build image_file image_parts image_users left_out list list_row newest owner \
	plan reason registry request rules score served stream supply supply_set)

# recsys.so: every SQL-declared function; links no BLAS
OBJS = $(COMMON) $(patsubst %,src/%.o,recsys ab aggregate als cooccurrence item metric top_k definition report run \
	progress train_door image_door recommend experiment serve log request_id feature_name replay replay_list \
	explain explain_rules answer similar users questions demo_shop demo_shop_title demo_shop_world demo_shop_event)

# recsys_train.so: reached by load_external_function; links OpenBLAS
TRAIN_OBJS = $(COMMON) $(patsubst %,src/train/%.o,train run_memory run_options policy loader estimate bots \
	split matrix team parts als_job factors explicit bpr neighbors facts view learn plan lister \
	lister_memory targets evaluate outcome ratings model batch batch_job batch_users batch_rows \
	batch_single store write progress stop skew tune warm)

# the install script is the parts in this order
SQL_PARTS = head registry array als metric ab top_k cooccurrence check interaction definition_index \
	definition_check definition rules policy quality detect_bots train promotion progress estimate \
	evaluate retrain schedule batch tune explain serve log forget drift questions experiment \
	experiment_control experiment_metric experiment_report latest svg report_page report_offline \
	report_live report_history report_html demo_shop demo_visits
SQL_SCRIPT = sql/$(EXTENSION)--$(EXTVERSION).sql

DATA_built = $(SQL_SCRIPT)
REGRESS = extension array als metric ab top_k definition interaction quality detect_bots demo_shop demo_visits \
	cleaning train promotion schedule ratings bpr cooccurrence reproduce evaluate ranker tune \
	recommend fresh questions rules explain serve replay experiment experiment_report report_html \
	batch forget drift rights abuse badinput
ISOLATION = two_runs publish two_starts switches experiments forget_user
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
