EXTRA_DIST += \
	%D%/attr.h \
	%D%/checked.h \
	%D%/cleanup.h \
	%D%/hash.h \
	%D%/macros.h \
	%D%/probe.h \
	%D%/waiter.h
