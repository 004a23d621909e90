include tests/unit/layers.mk
include tests/unit/protocol.mk
