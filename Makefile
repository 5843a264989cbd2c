# Two commands do all the set-up: `make demo` runs the main job, `make test` passes the tests.

CARGO ?= cargo
DIR ?= demo-out
EVENTS ?= 10000
SEED ?= 7
CORPUS ?= ../shared/corpus
FIELD ?= ../shared/field
# Cases of FIELD that must pass; the others are told.
MUST ?= 01 02 04 06 07 08 09 10 11 12 14 16 18 20 21 22 23 25 26 28 31 33 34
SECONDS ?= 600

.PHONY: demo test check lint format corpus field fuzz soak bench-posting bench-chain bench-settle bench-export bench-reconcile build-tools test-tools

# The company's month through the whole chain, on the embedded default.
demo: build-tools
	$(CARGO) run --package tieout -- demo --dir $(DIR) --events $(EVENTS) --seed $(SEED)

# Everything, against real peers: PostgreSQL, Redis, sshd, a Kafka-protocol broker, bookkeeping programs.
test: test-tools
	.ci/with-services $(CARGO) test --workspace --no-fail-fast

# Other people's files through our formats, compared with what was read before and with what others read;
# their schemas over ours.
corpus: test-tools judge-tools
	$(CARGO) run --quiet --package formats --example corpus -- $(CORPUS)
	$(CARGO) run --quiet --package formats --example corpus -- --json $(CORPUS) | .ci/compare $(CORPUS)
	CORPUS=$(CORPUS) .ci/judge

# Every parser of settlement files against bytes that nobody thought of, SECONDS each.
fuzz: fuzz-tools
	EACH=$(SECONDS) .ci/fuzz

# Small cases of real people's trouble, each judged by a script of its own.
field: test-tools
	$(CARGO) build --quiet --package tieout
	MUST="$(MUST)" .ci/field $(FIELD)

# Faults by seeds that nobody tried before, against the reference ledger, for SECONDS.
soak: test-tools
	TIEOUT_SOAK_SECONDS=$(SECONDS) .ci/with-services $(CARGO) test --package tieout --test faults -- --nocapture after_any_fault

# How fast posting is, beside the bare operation and the obvious way: a quarter of an hour, most of it
# filling a large ledger. EVENTS, LARGE and DATABASES make it smaller.
bench-posting: test-tools
	.ci/with-services $(CARGO) bench --package tieout --bench posting

# Every stage after posting, beside the bare operation: wall and CPU seconds and peak memory. EVENTS (a million)
# and DATABASES make it smaller.
bench-chain: test-tools
	.ci/with-services $(CARGO) bench --package tieout --bench chain

# How fast settlement files are read and taken, beside bare readers and a bare insert. LINES (a million) and
# DATABASES make it smaller.
bench-settle: test-tools
	.ci/with-services $(CARGO) bench --package tieout --bench settle

# How fast each kind of file for an ERP is rendered beside the bare writer of its library, and in what memory. LINES (a
# million) makes it smaller, KINDS names some.
bench-export: build-tools
	$(CARGO) bench --package formats --bench export

# The reconciliation engine beside polars and duckdb on the same files, then the job on real books beside a bare read
# and insert. EVENTS (a million) and LARGE (five times that) make the first smaller, PAYMENTS the second; PYTHON names
# an interpreter that has both, else one is made.
bench-reconcile: build-tools
	$(CARGO) bench --package reconcile --bench engine
	$(CARGO) bench --package tieout --bench job

# What a change should pass before it is shown: format, lints, tests.
check: lint test

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- --deny warnings

format:
	$(CARGO) fmt --all

build-tools:
	@.ci/install build

test-tools:
	@.ci/install test

judge-tools:
	@.ci/install judges

fuzz-tools:
	@.ci/install fuzz
