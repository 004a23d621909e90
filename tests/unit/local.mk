include tests/unit/layers.mk
include tests/unit/protocol.mk
include tests/unit/server.mk
