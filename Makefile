# The two commands of README.md, and what they stand on.
#
#   make demo   engine, base images, release binary; plan, apply and plan again of plans/shop
#   make test   every test, with the real engine
#   make bench  builder beside what one would use instead; the table goes to benches/RESULTS.md

CARGO ?= cargo
BUILDER = target/release/builder
WORKSPACE ?= target/demo
PLAN = --config plans/shop/config.yml plans/shop/project $(WORKSPACE)
BASES = base-cpython-debian12 base-cpython-debian13 base-pypy-debian12

.PHONY: demo test bench setup bases tools release lint doc clean

demo: bases release
	@printf '\n== the plan\n'
	$(BUILDER) plan $(PLAN)
	@printf '\n== the apply\n'
	$(BUILDER) apply --auto-approve $(PLAN)
	@printf '\n== the wheelhouses and packages\n'
	@ls $(WORKSPACE)/build/wheelhouse/* $(WORKSPACE)/build/packages/*
	@printf '\n== the plan again\n'
	$(BUILDER) plan $(PLAN)

test: bases tools
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings
	$(CARGO) test

# Some rows: make bench ROWS="1 4". All of them take about forty minutes.
bench: bases
	benches/peers.sh
	$(CARGO) bench --bench compare -- $(ROWS)

# The container engine: installed and started when none answers.
setup:
	docker/engine.sh

# The base images of the examples and the tests; a base that no registry gives is bootstrapped.
bases: setup
	docker/build.sh $(BASES)

# What packages are judged by, lintian, rpm and rpmlint; and the servers of shared caches.
tools:
	docker/test-tools.sh

release:
	$(CARGO) build --release

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings

doc:
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --no-deps

clean:
	rm -rf target/demo
