dist_man_MANS += %D%/veneer.8
dist_man_MANS += %D%/veneer-check.8
dist_man_MANS += %D%/veneer-nbd.7
dist_man_MANS += %D%/veneer-qemu.7
dist_man_MANS += %D%/veneer-settle.8
EXTRA_DIST += %D%/DIFFERENCES.md %D%/50-veneer.json.in

# What tells management of VMs of vhost-user back ends (vhost-user.json).
backenddir = $(datadir)/qemu/vhost-user
nodist_backend_DATA = %D%/50-veneer.json
CLEANFILES += %D%/50-veneer.json
%D%/50-veneer.json: %D%/50-veneer.json.in
	$(AM_V_GEN)$(MKDIR_P) %D% && sed 's|@bindir[@]|$(bindir)|' \
		$(top_srcdir)/docs/50-veneer.json.in >$@

.PHONY: check-manual
check-manual:
	mandoc -T lint -W warning $(top_srcdir)/docs/veneer.8
	mandoc -T lint -W warning $(top_srcdir)/docs/veneer-check.8
	mandoc -T lint -W warning $(top_srcdir)/docs/veneer-nbd.7
	mandoc -T lint -W warning $(top_srcdir)/docs/veneer-qemu.7
	mandoc -T lint -W warning $(top_srcdir)/docs/veneer-settle.8
