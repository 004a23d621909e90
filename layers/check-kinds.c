/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What can be wrong with an upper, in words. docs/veneer-check.8 lists the
 * same names. Each text continues "PATH: ".
 */
#include <stddef.h>

#include "check.h"

#define NOTE(name, what)               \
	{                              \
		name, what, NULL, NULL \
	}
#define MENDED(name, what, repair)     \
	{                              \
		name, what, repair, "" \
	}
#define LEFT(name, what, advice)         \
	{                                \
		name, what, NULL, advice \
	}

const struct check_text check_texts[NR_CHECK_KINDS] = {
	[CHECK_WHITEOUT_STRAY] = MENDED(
		"whiteout-stray",
		"a whiteout with nothing below it: overlayfs lists its name",
		"remove it"),
	[CHECK_WHITEOUT_OPAQUE] = MENDED(
		"whiteout-opaque",
		"a whiteout in an opaque directory: overlayfs lists its name",
		"remove it"),
	[CHECK_WHITEOUT_XATTR] = MENDED(
		"whiteout-xattr",
		"an xattr whiteout, which only lowers may have: overlayfs "
		"lists its name",
		"make it a whiteout, or remove it if there is nothing to hide"),
	[CHECK_WHITEOUT_IDLE] =
		NOTE("whiteout-idle", "a whiteout that hides nothing"),
	[CHECK_OPAQUE_VALUE] = MENDED(
		"opaque-value",
		"the mark opaque is neither y nor x: overlayfs ignores it",
		"remove the mark"),
	[CHECK_OPAQUE_FILE] =
		MENDED("opaque-file", "the mark opaque on what is no directory",
		       "remove the mark"),
	[CHECK_OPAQUE_X] =
		NOTE("opaque-x", "the mark opaque=x means nothing in an upper"),
	[CHECK_REDIRECT_MALFORMED] = LEFT(
		"redirect-malformed",
		"a malformed redirect: overlayfs fails to look it up",
		"set it to the path that this has in the lowers; or, to keep "
		"only what is in the upper, set opaque to y and remove it"),
	[CHECK_REDIRECT_LOST] = LEFT(
		"redirect-lost",
		"the redirect leads to no directory of the lowers: only what "
		"is in the upper is shown",
		"are these the right lowers? If so, set opaque to y, and then "
		"remove the redirect"),
	[CHECK_REDIRECT_GONE] = MENDED(
		"redirect-gone",
		"the directory that the redirect leads to was removed from "
		"its lower",
		"make this one opaque and remove the redirect: the same is "
		"shown"),
	[CHECK_REDIRECT_TWIN] = LEFT(
		"redirect-twin",
		"it shows the same lower directory as another one: overlayfs "
		"fails to look up one of them",
		"set opaque to y on that which is not to show it, and remove "
		"its redirect"),
	[CHECK_REDIRECT_LOOP] = LEFT(
		"redirect-loop",
		"it leads to the upper, the work directory or the root of a "
		"lower: overlayfs fails to look it up",
		"set the redirect to another path"),
	[CHECK_REDIRECT_USER] =
		LEFT("redirect-user",
		     "a redirect, which overlayfs does not follow in "
		     "user.overlay.* marks",
		     "set opaque to y, and then remove it"),
	[CHECK_REDIRECT_FILE] =
		MENDED("redirect-file",
		       "a redirect that nobody reads, and malformed or no "
		       "regular file's",
		       "remove the mark"),
	[CHECK_IMPURE_MISSING] =
		MENDED("impure-missing",
		       "the mark impure is missing: inode numbers in listings "
		       "are wrong",
		       "set it"),
	[CHECK_IMPURE_VALUE] =
		MENDED("impure-value",
		       "the mark impure is not y: overlayfs ignores it",
		       "remove it; impure-missing follows if it is needed"),
	[CHECK_IMPURE_FILE] =
		MENDED("impure-file", "the mark impure on what is no directory",
		       "remove the mark"),
	[CHECK_IMPURE_STALE] =
		NOTE("impure-stale", "the mark impure is not needed any more"),
	[CHECK_ORIGIN_MALFORMED] =
		MENDED("origin-malformed",
		       "a malformed origin: overlayfs warns and ignores it",
		       "remove the mark, or empty it where whiteouts need it"),
	[CHECK_ORIGIN_TWIN] = MENDED(
		"origin-twin",
		"another object has the same origin, or its origin is shown, "
		"too: overlayfs confuses them, or fails to look up one",
		"remove the mark: its inode number changes"),
	[CHECK_ORIGIN_FOREIGN] =
		NOTE("origin-foreign",
		     "an origin of another kind of machine or a newer version, "
		     "which says nothing here"),
	[CHECK_ORIGIN_LOST] =
		NOTE("origin-lost",
		     "its origin is not in the lowers: its inode number is the "
		     "upper's"),
	[CHECK_METACOPY_MALFORMED] = LEFT(
		"metacopy-malformed",
		"a malformed metacopy mark: overlayfs fails to open it, or "
		"does with verity=on",
		"if the file has its data (du -s), remove the mark; if not, "
		"empty it"),
	[CHECK_METACOPY_FILE] = MENDED(
		"metacopy-file", "the mark metacopy on what is no regular file",
		"remove the mark"),
	[CHECK_METACOPY_NO_DATA] = LEFT(
		"metacopy-no-data",
		"a file without data, which is in no lower either: it cannot "
		"be opened",
		"are these the right lowers? If so, restore it or remove it"),
	[CHECK_METACOPY_USER] = LEFT(
		"metacopy-user",
		"a file without data, which overlayfs does not look for in "
		"user.overlay.* marks",
		"restore it or remove it"),
	[CHECK_NLINK_MALFORMED] =
		MENDED("nlink-malformed",
		       "the mark nlink is malformed, or missing in the index",
		       "remove it, or set it in the index so that no name is "
		       "lost"),
	[CHECK_NLINK_WRONG] =
		MENDED("nlink-wrong",
		       "the mark nlink counts fewer names than there are, or "
		       "more than there can be",
		       "set it so that no name is lost"),
	[CHECK_PROTATTR_MALFORMED] =
		MENDED("protattr-malformed",
		       "the mark protattr is malformed: overlayfs warns and "
		       "ignores it",
		       "remove the mark"),
	[CHECK_UUID_MALFORMED] =
		MENDED("uuid-malformed", "the mark uuid is not 16 bytes long",
		       "remove the mark: the next mount makes another"),
	[CHECK_IDENT_MALFORMED] = MENDED(
		"ident-malformed", "the mark veneer.ident is not 8 bytes long",
		"remove the mark: its inode number changes"),
	[CHECK_PARTIAL_FILE] = NOTE(
		"partial-file",
		"its data is in part in a lower: overlayfs cannot mount this "
		"until veneer settle has completed it"),
	[CHECK_PARTIAL_LOST] = LEFT(
		"partial-lost",
		"the map of its data is missing, or another file's: it cannot "
		"be opened",
		"is this the right work directory? If so, restore the file; or "
		"remove the mark veneer.partial to have the lower's data"),
	[CHECK_PARTIAL_DAMAGED] = LEFT(
		"partial-damaged",
		"the map of its data, or the mark that names it, is damaged: "
		"it "
		"cannot be opened",
		"restore the file; or remove the mark veneer.partial to have "
		"the lower's data"),
	[CHECK_PARTIAL_DONE] =
		MENDED("partial-done",
		       "the mark veneer.partial on what has all of its data",
		       "remove the mark"),
	[CHECK_PARTIAL_STRAY] = MENDED(
		"partial-stray", "no map of the data of any file", "remove it"),
	[CHECK_INDEX_JUNK] = MENDED(
		"index-junk",
		"no entry of an index: overlayfs refuses to mount, or removes "
		"it",
		"remove it"),
	[CHECK_INDEX_DATA] =
		LEFT("index-data",
		     "no entry of an index, but the only name of something: "
		     "overlayfs refuses to mount",
		     "move it away"),
	[CHECK_INDEX_STALE] = MENDED(
		"index-stale",
		"a stale entry: no name leads to it, or its origin is another",
		"remove it, as a mount would"),
	[CHECK_INDEX_LOWER] = LEFT(
		"index-lower",
		"it was used with another topmost lower: overlayfs refuses "
		"index=on",
		"give it that lower; or, if it was moved, remove the mark "
		"origin here"),
	[CHECK_INDEX_UPPER] =
		LEFT("index-upper",
		     "the index of another upper: overlayfs refuses index=on",
		     "give it that upper; or, if it was moved, remove the mark "
		     "upper here"),
	[CHECK_INDEX_MISSING] = LEFT(
		"index-missing",
		"it was used with index=on, but the work directory has no "
		"index: names may show old content",
		"name its work directory; or, if it is lost, remove the mark "
		"origin here"),
	[CHECK_STAGING_JUNK] = MENDED(
		"staging-junk", "left by a crash, and of no use", "remove it"),
	[CHECK_STAGING_LIVE] = MENDED(
		"staging-live",
		"left by a veneer that was killed: overlayfs refuses to mount",
		"remove it"),
	[CHECK_STAGING_VOLATILE] = LEFT(
		"staging-volatile",
		"a volatile mount was not followed by a sync: after a crash "
		"of the machine, contents may be lost; overlayfs refuses to "
		"mount",
		"start from a fresh upper; or, if the machine has not crashed "
		"since, run sync and remove this"),
	[CHECK_STAGING_INCOMPAT] =
		LEFT("staging-incompat",
		     "says that only certain programs may use this upper: "
		     "overlayfs refuses to mount",
		     "find out who wrote it, then remove it"),
	[CHECK_STAGING_PARTIAL] = MENDED(
		"staging-partial",
		"left by partial files, of which there are none: overlayfs "
		"refuses to mount",
		"remove it"),
	[CHECK_STAGING_UNGUARDED] = MENDED(
		"staging-unguarded",
		"there are partial files, and nothing keeps overlayfs from "
		"mounting them",
		"make incompat/veneer-partial"),
	[CHECK_SETTLE_UNFINISHED] =
		LEFT("settle-unfinished", "veneer settle was interrupted",
		     "run it again; nothing is repaired before"),
	[CHECK_MARKS_OTHER] = NOTE(
		"marks-other",
		"there are marks of the other kind, too (user.overlay.* or "
		"trusted.overlay.*), which are not looked at: see userxattr"),
	[CHECK_MARKS_UNKNOWN] =
		NOTE("marks-unknown",
		     "a mark of unknown meaning: overlayfs ignores it"),
	[CHECK_MOUNT_POINT] = NOTE(
		"mount-point", "a mount point: overlayfs does not see what is "
			       "mounted, and it is not looked at"),
	[CHECK_TOO_DEEP] =
		LEFT("too-deep", "too deep: what is in it was not looked at",
		     "look at it by hand"),
	[CHECK_UNREADABLE] = LEFT("unreadable", "cannot be looked at", ""),
};
