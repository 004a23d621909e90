/* SPDX-License-Identifier: BSD-3-Clause */
/* The program: which verb, and its exit code. */
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "log.h"
#include "server.h"
#include "verb.h"

static void
usage(FILE *to)
{
	fputs("usage: veneer serve OPTION ...   serve merged trees over 9P\n"
	      "       veneer check OPTION ...   look for errors in an upper at "
	      "rest\n"
	      "       veneer connect ADDR       stdin and stdout to a "
	      "server\n"
	      "       veneer settle OPTION ...  make an upper ready for "
	      "overlayfs\n"
	      "       veneer --version | --help\n"
	      "\"veneer VERB --help\" lists the options; veneer(8) explains "
	      "them.\n",
	      to);
}

static int
verb_serve(int argc, char **argv)
{
	struct config config;
	int r = config_parse(&config, argc, argv), code = EXIT_USAGE;

	if (r == 1)
		code = EXIT_OK;
	if (r == 0) {
		log_set_level(config.log_level);
		code = serve(&config);
	}
	config_fini(&config);
	return code;
}

int
main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	int i;

	/* Whatever else is said, as vhost-user.rst wants it. */
	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--print-capabilities") == 0) {
			config_print_capabilities();
			return EXIT_OK;
		}
	}
	if (strcmp(verb, "serve") == 0)
		return verb_serve(argc - 1, argv + 1);
	if (strcmp(verb, "check") == 0)
		return verb_check(argc - 1, argv + 1);
	if (strcmp(verb, "connect") == 0)
		return verb_connect(argc - 1, argv + 1);
	if (strcmp(verb, "settle") == 0)
		return verb_settle(argc - 1, argv + 1);
	if (strcmp(verb, "--version") == 0) {
		puts("veneer " VENEER_VERSION);
		return EXIT_OK;
	}
	if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0) {
		usage(stdout);
		return EXIT_OK;
	}
	/* Who starts back ends knows of no verb. */
	if (strncmp(verb, "--", 2) == 0)
		return verb_serve(argc, argv);
	if (*verb)
		log_line(LOG_ERR, "unknown command \"%s\": see veneer --help",
			 verb);
	else
		usage(stderr);
	return EXIT_USAGE;
}
