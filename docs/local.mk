dist_man_MANS += %D%/veneer.8
dist_man_MANS += %D%/veneer-check.8
dist_man_MANS += %D%/veneer-nbd.7
dist_man_MANS += %D%/veneer-settle.8
EXTRA_DIST += %D%/DIFFERENCES.md

.PHONY: check-manual
check-manual:
	mandoc -T lint -W warning $(top_srcdir)/docs/veneer.8
	mandoc -T lint -W warning $(top_srcdir)/docs/veneer-check.8
	mandoc -T lint -W warning $(top_srcdir)/docs/veneer-nbd.7
	mandoc -T lint -W warning $(top_srcdir)/docs/veneer-settle.8
