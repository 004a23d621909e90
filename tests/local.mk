include tests/client/local.mk
include tests/unit/local.mk
include tests/e2e/local.mk
include tests/compare/local.mk
include tests/guest/local.mk
include tests/fuzz/local.mk
include tests/bench/local.mk
