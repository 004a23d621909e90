include tests/unit/protocol.mk
