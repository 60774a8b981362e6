# Two commands do everything: `make run` and `make test`. Both begin with `make deps`.

# For pipefail.
SHELL := /bin/bash

PREFIX ?= /usr/local
DESTDIR ?=
# Where `make install` puts what has no place of its own below PREFIX on every system.
UNITS ?= $(PREFIX)/lib/systemd/system
ZSH ?= $(PREFIX)/share/zsh/site-functions
# How `install` treats the program: -s strips it. Debian's tools do that themselves.
STRIP ?= -s
# What the program says of itself, in one place.
VERSION ?= $(shell sed -n 's/^ *version: "\(.*\)",$$/\1/p' Sources/Commands/Tidings.swift)
# Processes of tests that run at once: many tests wait for what they have started, and each has times to keep.
LANES ?= $(if $(CI),3,4)
# How many parts of the tests may run once more after a failure: a busy CI machine makes tests with times late.
AGAIN ?= $(if $(CI),3,0)
# Tests that run at once where ARGS choose some: those run in one process.
WIDTH ?= $(if $(CI),2,4)
# The scenario or the file with a schedule that the simulator runs instead of drawn schedules.
SCENARIO ?=
REPLAY ?=
# How long the fault suite runs, and what decides everything that it draws (none: a new seed).
MINUTES ?= 10
SEED ?=
# How long the simulator looks, and each parser is fuzzed; which parsers.
SECONDS ?= 60
TARGETS ?= request chunked target offset proxy resp announcement event token keyset editkey
# 1: `make bench-check` keeps what it measures.
RECORD ?=
# The Python client of Thoonk, to measure beside.
THOONK_PY := .build/thoonk-py
# Where the release goes. A static standard library: one file to copy, 5 MB to start with.
RELEASE := .build/release/tidings
# What `make install` installs.
PROGRAM ?= $(RELEASE)
SWIFT_RELEASE := swift build -c release --static-swift-stdlib --product tidings
PACKAGES := binutils libcurl4-openssl-dev libevent-dev libhiredis-dev libre2-dev libsimdjson-dev libssl-dev \
	libyaml-dev redis-server redis-tools zlib1g-dev
# The versions of Debian's packages that the tests ran with, up to the distribution's own revision.
TESTED := libcurl4-openssl-dev=7.88.1 libevent-dev=2.1.12-stable libhiredis-dev=0.14.1 libre2-dev=20220601+dfsg \
	libsimdjson-dev=3.0.1 libssl-dev=3.0.19 libyaml-dev=0.2.5 redis-server=7.0.15 zlib1g-dev=1.2.13.dfsg
TEST_PACKAGES := $(PACKAGES) chromium chromium-driver curl faketime python3 python3-venv
# What makes a package of Debian.
DEB_PACKAGES := debhelper dpkg-dev git lintian python3
FORMATTED := Package.swift Sources Tests docs/examples/thoonk/Package.swift docs/examples/thoonk/Sources
TRIPLE = $(shell swift -print-target-info | sed -n 's/.*"unversionedTriple": "\(.*\)".*/\1/p')
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo -E)

# What of $(1) is not installed; dpkg-query is quick, apt-get is not.
missing = $(shell for p in $(1); do dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done)
install = packages="$(call missing,$(1))"; if [ -n "$$packages" ]; then \
	echo "installing with apt, a minute or so: $$packages"; \
	export DEBIAN_FRONTEND=noninteractive; \
	$(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends $$packages >/dev/null; fi

.PHONY: help run deps test-deps build debug test types chaos simulate fuzz bench bench-check bench-jobs docs example licenses lint format install place uninstall \
	libraries deb clean
.DEFAULT_GOAL := help

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

run: deps build ## Build and start the whole pipeline; prints the address of a page that works
	@$(RELEASE) up $(ARGS)

deps: ## Install what is missing (apt), and say which versions were tested; quick when nothing is missing
	@$(call install,$(PACKAGES))
	@for entry in $(TESTED); do \
		package=$${entry%%=*}; tested=$${entry#*=}; \
		here=$$(dpkg-query -W -f '$${Version}' $$package | sed 's/^[0-9]*://; s/[-+~][^-]*$$//'); \
		if [ "$$here" != "$$tested" ]; then echo "$$package $$here is here, $$tested was tested"; \
		elif [ -n "$(filter deps,$(MAKECMDGOALS))" ]; then echo "$$package $$here, as tested"; fi; \
	done

licenses: deps ## List what Tidings is built from and runs with, each with its version and its licence
	@$(call install,python3)
	@swift package resolve
	@python3 -B Tests/House/licenses.py

test-deps: deps ## The same for what only the tests need
	@$(call install,$(TEST_PACKAGES))

build: deps ## Build the release, .build/release/tidings
	@test -x $(RELEASE) || echo "building the release: some minutes the first time (5 CPU minutes), seconds afterwards"
	@$(SWIFT_RELEASE)

debug: deps ## Build for debugging
	@swift build

test: test-deps ## Run all tests, or those that ARGS choose (LANES)
	@swift build --build-tests
ifeq ($(strip $(ARGS)),)
	@python3 -B Tests/House/run_tests.py --lanes $(LANES) --again $(AGAIN) --log .build/test.log
else
	@set -o pipefail; SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=$(WIDTH) swift test --skip-build $(ARGS) 2>&1 \
		| tee .build/test.log || { echo; echo "What failed (all of it: .build/test.log):"; grep '✘' .build/test.log; exit 1; }
endif

types: ## Check the declarations of tidings.js with TypeScript's compiler
	@$(call install,node-typescript)
	@tsc --project Tests/Types

chaos: test-deps build ## Kill processes, cut connections, step clocks, take data back, then count (SEED, MINUTES, ARGS)
	@python3 -B Tests/Chaos/chaos.py --binary $(RELEASE) --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(ARGS)

simulate: test-deps ## Look for schedules that break a promise, on virtual time (SEED, SECONDS, SCENARIO, REPLAY, ARGS)
	@swift build -c release --product Simulate
	@.build/release/Simulate $(if $(SCENARIO),--scenario $(SCENARIO),$(if $(REPLAY),--replay $(REPLAY),--seconds \
		$(SECONDS) $(if $(SEED),--seed $(SEED)))) $(ARGS)

bench: build ## Run all benchmarks in a short form; one table, also in .build/bench.txt (ARGS)
	@$(call install,python3)
	@python3 -B Tests/Bench/bench.py --binary $(RELEASE) --output .build/bench.txt $(ARGS)

bench-check: build ## Fail when an event costs more than Tests/Bench/figures.json says (RECORD=1 keeps new figures, ARGS)
	@$(call install,binutils valgrind)
	@$(RELEASE) bench check --figures Tests/Bench/figures.json $(if $(RECORD),--record) $(ARGS)

bench-jobs: build ## Thoonk jobs a second, beside thoonk.py in an environment of its own (ARGS)
	@$(call install,python3 python3-venv)
	@test -x $(THOONK_PY)/bin/pip || python3 -m venv $(THOONK_PY)
	@$(THOONK_PY)/bin/pip install --quiet --disable-pip-version-check 'thoonk==1.0.1.0' 'redis>=5,<9'
	@$(RELEASE) bench jobs --python $(THOONK_PY)/bin/python $(ARGS)

fuzz: test-deps ## Look for inputs that break a parser, guided by coverage (SECONDS for each, SEED, TARGETS)
	@TIDINGS_FUZZ=1 swift build --scratch-path .build-fuzz --sanitize fuzzer --product Fuzz
	@for target in $(TARGETS); do \
		mkdir -p .build-fuzz/corpus/$$target; echo "$$target: $(SECONDS) s"; \
		TIDINGS_FUZZ=$$target .build-fuzz/debug/Fuzz -max_total_time=$(SECONDS) -timeout=10 -max_len=4096 \
			$(if $(SEED),-seed=$(SEED)) -artifact_prefix=.build-fuzz/$$target- \
			.build-fuzz/corpus/$$target Tests/FuzzTargets/Corpus/$$target >.build-fuzz/$$target.log 2>&1 \
			|| { tail -40 .build-fuzz/$$target.log; echo "found in $$target: see above"; exit 1; }; \
		grep -E '^(INFO: Seed|#.*DONE|Done)' .build-fuzz/$$target.log; \
	done

docs: deps ## Write the documentation of the Thoonk library, .build/docs
	@swift build --target Thoonk
	@rm -rf .build/symbol-graphs .build/docs && mkdir -p .build/symbol-graphs
	@swift symbolgraph-extract -module-name Thoonk -target $(TRIPLE) -minimum-access-level public \
		-skip-synthesized-members -I .build/debug/Modules -I Sources/CEvent -I Sources/CHiredis \
		-output-dir .build/symbol-graphs 2>.build/symbol-graphs.log || { cat .build/symbol-graphs.log; exit 1; }
	@docc convert Sources/Thoonk/Thoonk.docc --additional-symbol-graph-dir .build/symbol-graphs \
		--fallback-display-name Thoonk --fallback-bundle-identifier tidings.Thoonk \
		--warnings-as-errors --output-path .build/docs
	@echo "written to .build/docs; to read it: docc preview Sources/Thoonk/Thoonk.docc --additional-symbol-graph-dir .build/symbol-graphs"

example: deps ## Build and run the example of the Thoonk library, with a Redis of its own
	@swift build --package-path docs/examples/thoonk
	@folder=$$(mktemp -d); trap 'kill $$(cat $$folder/pid); rm -rf $$folder' EXIT; \
	redis-server --port 0 --unixsocket $$folder/redis.sock --dir $$folder --save "" --pidfile $$folder/pid \
		--daemonize yes >/dev/null; \
	until redis-cli -s $$folder/redis.sock ping >/dev/null 2>&1; do sleep 0.05; done; \
	docs/examples/thoonk/.build/debug/thoonk-example unix://$$folder/redis.sock

lint: ## Check the format, the layout of the files and the module arrows; nothing is changed
	@swift format lint --strict --parallel --recursive $(FORMATTED)
	@$(call install,python3)
	@python3 -B Tests/House/house.py

format: ## Format the sources in place
	@swift format --in-place --parallel --recursive $(FORMATTED)

install: build place ## Install the release, its manual pages, completions and units (PREFIX, DESTDIR)
	@echo "installed in $(DESTDIR)$(PREFIX); a host that gets only a copy of it needs these packages of Debian:"
	@echo "  $$(python3 -B deploy/libraries.py $(PROGRAM) --packages) libssl3; libcurl4 for webhooks"

# A folder for each kind of file; `uninstall` removes what stands here and no more.
MAN = $(DESTDIR)$(PREFIX)/share/man/man1
BASH_COMPLETIONS = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
FISH_COMPLETIONS = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
DATE = $(shell git log -1 --format=%cs 2>/dev/null || date -u +%F)

place:
	@$(call install,python3)
	@install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/tidings $(DESTDIR)$(UNITS) $(MAN) $(BASH_COMPLETIONS) \
		$(DESTDIR)$(ZSH) $(FISH_COMPLETIONS)
	@install $(STRIP) -m 755 $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/tidings
	@install -m 644 deploy/tidings.yaml $(DESTDIR)$(PREFIX)/share/tidings/
	@for unit in tidings-work.service tidings-edge.service; do \
		sed 's|/usr/local/|$(PREFIX)/|g' deploy/$$unit >$(DESTDIR)$(UNITS)/$$unit; done
	@set -o pipefail; $(PROGRAM) --experimental-dump-help \
		| python3 -B deploy/manpages.py --version $(VERSION) --date $(DATE) $(MAN)
	@$(PROGRAM) --generate-completion-script bash | sed '1{/^#!/d}' >$(BASH_COMPLETIONS)/tidings
	@$(PROGRAM) --generate-completion-script zsh >$(DESTDIR)$(ZSH)/_tidings
	@$(PROGRAM) --generate-completion-script fish >$(FISH_COMPLETIONS)/tidings.fish

uninstall: ## Remove what install put there; the configuration in /etc/tidings stays
	rm -rf $(DESTDIR)$(PREFIX)/bin/tidings $(DESTDIR)$(PREFIX)/share/tidings $(MAN)/tidings.1 $(MAN)/tidings-*.1 \
		$(DESTDIR)$(UNITS)/tidings-work.service $(DESTDIR)$(UNITS)/tidings-edge.service \
		$(BASH_COMPLETIONS)/tidings $(DESTDIR)$(ZSH)/_tidings $(FISH_COMPLETIONS)/tidings.fish

libraries: build ## Name the libraries that the release needs to start, and their packages
	@$(call install,python3)
	@python3 -B deploy/libraries.py $(PROGRAM)

deb: build ## Build the package for Debian, .build/deb/tidings_*.deb, and let lintian judge it (VERSION)
	@$(call install,$(DEB_PACKAGES))
	@deploy/debian/build $(CURDIR) $(VERSION) .build/deb

clean: ## Remove build output
	rm -rf .build
