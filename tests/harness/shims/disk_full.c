/* LD_PRELOAD shim: while the file named by SHIM_CONTROL exists, every write to a file below SHIM_FOLDER
 * fails with ENOSPC, as on a full disk. Reading, deleting and shrinking go on working. */
#include "common.h"

static int full(int descriptor) {
    static const char *control;
    struct stat status;
    if (!control) control = getenv("SHIM_CONTROL");
    if (!control || access(control, F_OK) != 0) return 0;
    return is_watched(descriptor, &status, 0);
}

static int grows_on_full_disk(int descriptor, off_t length) {
    struct stat status;
    return full(descriptor) && fstat(descriptor, &status) == 0 && length > status.st_size;
}

#define REFUSE_WHEN(condition) \
    if (condition) { errno = ENOSPC; return -1; }

ssize_t write(int descriptor, const void *data, size_t length) {
    REAL(write, write);
    REFUSE_WHEN(full(descriptor))
    return real_write(descriptor, data, length);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    REAL(writev, writev);
    REFUSE_WHEN(full(descriptor))
    return real_writev(descriptor, parts, count);
}

ssize_t pwrite(int descriptor, const void *data, size_t length, off_t offset) {
    REAL(pwrite, pwrite);
    REFUSE_WHEN(full(descriptor))
    return real_pwrite(descriptor, data, length, offset);
}

ssize_t pwrite64(int descriptor, const void *data, size_t length, off64_t offset) {
    REAL(pwrite64, pwrite64);
    REFUSE_WHEN(full(descriptor))
    return real_pwrite64(descriptor, data, length, offset);
}

int ftruncate(int descriptor, off_t length) {
    REAL(ftruncate, ftruncate);
    REFUSE_WHEN(grows_on_full_disk(descriptor, length))
    return real_ftruncate(descriptor, length);
}

int ftruncate64(int descriptor, off64_t length) {
    REAL(ftruncate64, ftruncate64);
    REFUSE_WHEN(grows_on_full_disk(descriptor, length))
    return real_ftruncate64(descriptor, length);
}

int posix_fallocate(int descriptor, off_t offset, off_t length) {
    REAL(posix_fallocate, posix_fallocate);
    return grows_on_full_disk(descriptor, offset + length) ? ENOSPC : real_posix_fallocate(descriptor, offset, length);
}

int posix_fallocate64(int descriptor, off64_t offset, off64_t length) {
    REAL(posix_fallocate64, posix_fallocate64);
    return grows_on_full_disk(descriptor, offset + length) ? ENOSPC : real_posix_fallocate64(descriptor, offset, length);
}
