/* What both shims share: is this descriptor a file below the watched folder, and the real libc function
 * behind an interposed name. Not a library: each shim includes it once. */
#ifndef SHIM_COMMON_H
#define SHIM_COMMON_H

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* The libc function that would have run without the shim, looked up once. */
#define REAL(type, name) \
    static __typeof__(type) *real_##name; \
    if (!real_##name) real_##name = (__typeof__(type) *)dlsym(RTLD_NEXT, #name)

/* The watched folder without a trailing slash, or NULL when the shim is idle. */
static const char *watched_folder(void) {
    static const char *folder;
    static int asked;
    if (!asked) {
        folder = getenv("SHIM_FOLDER");
        asked = 1;
    }
    return folder;
}

static int path_is_watched(const char *path) {
    const char *folder = watched_folder();
    size_t length = folder ? strlen(folder) : 0;
    return length && strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

/* The absolute path of a descriptor as the kernel knows it; 0 when there is none. */
static int path_of(int descriptor, char path[PATH_MAX]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return 1;
}

/* True for a regular file (or, with `folders`, a folder) below the watched folder; fills `status`. */
static int is_watched(int descriptor, struct stat *status, int folders) {
    char path[PATH_MAX];
    int before = errno, watched = 0;
    if (watched_folder() && fstat(descriptor, status) == 0
        && (S_ISREG(status->st_mode) || (folders && S_ISDIR(status->st_mode))))
        watched = path_of(descriptor, path) && path_is_watched(path);
    errno = before;
    return watched;
}

#endif
