/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Removes a file, or a directory and all that is below it; it is well if there is none. A guest may have made what is there:
 * no symlinks are followed, and none goes too deep. -E2BIG: it is more than is worth the time; -EXDEV: another file system is
 * mounted in it; other negative errno. What could be removed until then, is. */
int tree_remove(const char *path);
