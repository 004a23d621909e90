/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One row per option and per command (nbd.md 2 and 5): what it may look
 * like, and who does it. Adding one means: its number in messages.h, a row
 * here, and its functions.
 */
#include "messages.h"

#include "macros.h"
#include "session.h"

/* clang-format off */
static const struct nbd_option options[] = {
	{ NBD_OPT_EXPORT_NAME, "EXPORT_NAME", NBD_STRING_MAX,
	  nbd_opt_export_name },
	{ NBD_OPT_ABORT, "ABORT", NBD_OPTION_DATA_MAX, nbd_opt_abort },
	{ NBD_OPT_LIST, "LIST", 0, nbd_opt_list },
	{ NBD_OPT_STARTTLS, "STARTTLS", 0, nbd_opt_starttls },
	{ NBD_OPT_INFO, "INFO", NBD_OPTION_DATA_MAX, nbd_opt_info },
	{ NBD_OPT_GO, "GO", NBD_OPTION_DATA_MAX, nbd_opt_info },
	{ NBD_OPT_STRUCTURED_REPLY, "STRUCTURED_REPLY", 0,
	  nbd_opt_structured_reply },
	{ NBD_OPT_LIST_META_CONTEXT, "LIST_META_CONTEXT", NBD_META_DATA_MAX,
	  nbd_opt_meta_context },
	{ NBD_OPT_SET_META_CONTEXT, "SET_META_CONTEXT", NBD_META_DATA_MAX,
	  nbd_opt_meta_context },
	{ NBD_OPT_EXTENDED_HEADERS, "EXTENDED_HEADERS", 0,
	  nbd_opt_extended_headers },
};

static const struct nbd_command commands[] = {
	[NBD_CMD_READ] = {
		"READ", NBD_FLAG_DF, .has_range = true, .has_data = true,
		.start = nbd_read, .finish = nbd_read_done },
	[NBD_CMD_WRITE] = {
		"WRITE", NBD_FLAG_PAYLOAD_LEN, .has_range = true,
		.has_data = true, .is_change = true,
		.start = nbd_write, .finish = nbd_write_done },
	/* Any flags, and never answered: see session.c. */
	[NBD_CMD_DISC] = { "DISC", 0, .start = NULL },
	/* offset and length are to be 0, and are not looked at */
	[NBD_CMD_FLUSH] = {
		"FLUSH", 0, .start = nbd_flush, .finish = nbd_simple_done },
	[NBD_CMD_TRIM] = {
		"TRIM", 0, .has_range = true, .is_change = true,
		.start = nbd_zero, .finish = nbd_simple_done },
	[NBD_CMD_CACHE] = {
		"CACHE", 0, .has_range = true,
		.start = nbd_cache, .finish = nbd_simple_done },
	[NBD_CMD_WRITE_ZEROES] = {
		"WRITE_ZEROES", NBD_FLAG_NO_HOLE | NBD_FLAG_FAST_ZERO,
		.has_range = true, .is_change = true,
		.start = nbd_zero, .finish = nbd_simple_done },
	[NBD_CMD_BLOCK_STATUS] = {
		"BLOCK_STATUS", NBD_FLAG_REQ_ONE | NBD_FLAG_PAYLOAD_LEN,
		.has_range = true,
		.start = nbd_block_status, .finish = nbd_block_status_done },
};
/* clang-format on */

const struct nbd_option *
nbd_option_find(uint32_t number)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].number == number)
			return &options[i];
	return NULL;
}

const struct nbd_command *
nbd_command_find(uint16_t type)
{
	return type < ARRAY_SIZE(commands) ? &commands[type] : NULL;
}
