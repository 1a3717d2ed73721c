/* LD_PRELOAD shim: notes, in the order in which they happened, every change of a file below SHIM_FOLDER and
 * every flush in the log SHIM_LOG, so that `disk.py` can rebuild the folder as a power cut would have left it.
 * The changes are made as usual. Memory-mapped writes are not seen: SQLite maps only its -shm file, which
 * needs no durability; `disk.py` proves for each run that replaying the whole log gives the real files.
 *
 * A record is the struct below, then `size` bytes: the data of a write, else the path or paths (each ended
 * by a zero byte). A flush covers the records that stand before the position where it began. */
#include "common.h"

/* `name` under the descriptor `folder` as an absolute path (not resolved further). */
static int absolute(int folder, const char *name, char path[PATH_MAX]) {
    char base[PATH_MAX];
    if (name[0] == '/') return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX;
    if (folder == AT_FDCWD ? !getcwd(base, sizeof base) : !path_of(folder, base)) return 0;
    return snprintf(path, PATH_MAX, "%s/%s", base, name) < PATH_MAX;
}

enum kind { CREATE = 1, WRITE, TRUNCATE, FLUSH, RENAME, UNLINK, FOLDER };

struct record {
    uint32_t kind;
    uint32_t size;
    uint64_t file;     /* inode number */
    uint64_t position; /* WRITE: offset in the file; TRUNCATE: new length; FLUSH: bytes of log it covers */
} __attribute__((packed));

static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static uint64_t log_length;

static void append(enum kind kind, uint64_t file, uint64_t position, const void *data, size_t size) {
    static int log_descriptor = -1;
    if (log_descriptor < 0) {
        log_descriptor = open(getenv("SHIM_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        log_length = lseek(log_descriptor, 0, SEEK_END);
    }
    struct record record = {kind, size, file, position};
    struct iovec parts[2] = {{&record, sizeof record}, {(void *)data, size}};
    REAL(writev, writev);
    if (real_writev(log_descriptor, parts, 2) != (ssize_t)(sizeof record + size)) abort();
    log_length += sizeof record + size;
}

static void append_paths(enum kind kind, uint64_t file, const char *first, const char *second) {
    char both[2 * PATH_MAX];
    size_t size = strlen(first) + 1;
    memcpy(both, first, size);
    if (second) {
        memcpy(both + size, second, strlen(second) + 1);
        size += strlen(second) + 1;
    }
    append(kind, file, 0, both, size);
}

/* Opens through `openat` and notes a file that this call created or emptied. */
static int open_noted(int folder, const char *name, int flags, mode_t mode) {
    REAL(openat, openat);
    char path[PATH_MAX];
    struct stat before, after;
    if (!(flags & (O_CREAT | O_TRUNC)) || !absolute(folder, name, path) || !path_is_watched(path))
        return real_openat(folder, name, flags, mode);
    pthread_mutex_lock(&order);
    int existed = stat(path, &before) == 0;
    int descriptor = real_openat(folder, name, flags, mode);
    int error = errno;
    if (descriptor >= 0 && fstat(descriptor, &after) == 0) {
        if (!existed) append_paths(CREATE, after.st_ino, path, NULL);
        else if (flags & O_TRUNC) append(TRUNCATE, after.st_ino, 0, NULL, 0);
    }
    pthread_mutex_unlock(&order);
    errno = error;
    return descriptor;
}

static mode_t mode_of(int flags, va_list arguments) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
}

#define OPENING(folder) \
    va_list arguments; \
    va_start(arguments, flags); \
    mode_t mode = mode_of(flags, arguments); \
    va_end(arguments); \
    return open_noted(folder, name, flags, mode);

int open(const char *name, int flags, ...) { OPENING(AT_FDCWD) }
int open64(const char *name, int flags, ...) { OPENING(AT_FDCWD) }
int openat(int folder, const char *name, int flags, ...) { OPENING(folder) }
int openat64(int folder, const char *name, int flags, ...) { OPENING(folder) }
int creat(const char *name, mode_t mode) { return open_noted(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode); }

/* Notes `written` bytes of `parts` at `offset`, as one record for each part. */
static void note_written(uint64_t file, uint64_t offset, const struct iovec *parts, ssize_t written) {
    for (; written > 0; parts++) {
        size_t size = parts->iov_len < (size_t)written ? parts->iov_len : (size_t)written;
        append(WRITE, file, offset, parts->iov_base, size);
        offset += size;
        written -= size;
    }
}

/* Runs `call` (a write at the descriptor's own position) and notes what it wrote. */
#define NOTED_APPEND(call, parts) \
    struct stat status; \
    if (!is_watched(descriptor, &status, 0)) return call; \
    pthread_mutex_lock(&order); \
    ssize_t written = call; \
    int error = errno; \
    if (written > 0) note_written(status.st_ino, lseek(descriptor, 0, SEEK_CUR) - written, parts, written); \
    pthread_mutex_unlock(&order); \
    errno = error; \
    return written;

/* Runs `call` (a write at `offset`) and notes what it wrote. */
#define NOTED_AT(call, parts) \
    struct stat status; \
    if (!is_watched(descriptor, &status, 0)) return call; \
    pthread_mutex_lock(&order); \
    ssize_t written = call; \
    int error = errno; \
    if (written > 0) note_written(status.st_ino, offset, parts, written); \
    pthread_mutex_unlock(&order); \
    errno = error; \
    return written;

ssize_t write(int descriptor, const void *data, size_t length) {
    REAL(write, write);
    struct iovec part = {(void *)data, length};
    NOTED_APPEND(real_write(descriptor, data, length), &part)
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    REAL(writev, writev);
    NOTED_APPEND(real_writev(descriptor, parts, count), parts)
}

ssize_t pwrite(int descriptor, const void *data, size_t length, off_t offset) {
    REAL(pwrite, pwrite);
    struct iovec part = {(void *)data, length};
    NOTED_AT(real_pwrite(descriptor, data, length, offset), &part)
}

ssize_t pwrite64(int descriptor, const void *data, size_t length, off64_t offset) {
    REAL(pwrite64, pwrite64);
    struct iovec part = {(void *)data, length};
    NOTED_AT(real_pwrite64(descriptor, data, length, offset), &part)
}

/* Runs `call` and notes the file's length after it. */
#define NOTED_LENGTH(call, succeeded) \
    struct stat status; \
    if (!is_watched(descriptor, &status, 0)) return call; \
    pthread_mutex_lock(&order); \
    int answer = call; \
    int error = errno; \
    if ((succeeded) && fstat(descriptor, &status) == 0) append(TRUNCATE, status.st_ino, status.st_size, NULL, 0); \
    pthread_mutex_unlock(&order); \
    errno = error; \
    return answer;

int ftruncate(int descriptor, off_t length) {
    REAL(ftruncate, ftruncate);
    NOTED_LENGTH(real_ftruncate(descriptor, length), answer == 0)
}

int ftruncate64(int descriptor, off64_t length) {
    REAL(ftruncate64, ftruncate64);
    NOTED_LENGTH(real_ftruncate64(descriptor, length), answer == 0)
}

int posix_fallocate(int descriptor, off_t offset, off_t length) {
    REAL(posix_fallocate, posix_fallocate);
    NOTED_LENGTH(real_posix_fallocate(descriptor, offset, length), answer == 0)
}

int posix_fallocate64(int descriptor, off64_t offset, off64_t length) {
    REAL(posix_fallocate64, posix_fallocate64);
    NOTED_LENGTH(real_posix_fallocate64(descriptor, offset, length), answer == 0)
}

/* Runs `call` without holding the order, so that other threads can write while the disk flushes. */
#define NOTED_FLUSH(call) \
    struct stat status; \
    if (!is_watched(descriptor, &status, 1)) return call; \
    pthread_mutex_lock(&order); \
    uint64_t covered = log_length; \
    pthread_mutex_unlock(&order); \
    int answer = call; \
    int error = errno; \
    pthread_mutex_lock(&order); \
    if (answer == 0) append(FLUSH, status.st_ino, covered, NULL, 0); \
    pthread_mutex_unlock(&order); \
    errno = error; \
    return answer;

int fsync(int descriptor) {
    REAL(fsync, fsync);
    NOTED_FLUSH(real_fsync(descriptor))
}

int fdatasync(int descriptor) {
    REAL(fdatasync, fdatasync);
    NOTED_FLUSH(real_fdatasync(descriptor))
}

static int rename_noted(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    REAL(renameat2, renameat2);
    char before[PATH_MAX], after[PATH_MAX];
    struct stat status;
    if (!absolute(from_folder, from, before) || !absolute(to_folder, to, after) || !path_is_watched(after))
        return real_renameat2(from_folder, from, to_folder, to, flags);
    pthread_mutex_lock(&order);
    int answer = real_renameat2(from_folder, from, to_folder, to, flags);
    int error = errno;
    if (answer == 0 && stat(after, &status) == 0) append_paths(RENAME, status.st_ino, before, after);
    pthread_mutex_unlock(&order);
    errno = error;
    return answer;
}

int rename(const char *from, const char *to) { return rename_noted(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    return rename_noted(from_folder, from, to_folder, to, 0);
}
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    return rename_noted(from_folder, from, to_folder, to, flags);
}

static int unlink_noted(int folder, const char *name, int flags) {
    REAL(unlinkat, unlinkat);
    char path[PATH_MAX];
    if (!absolute(folder, name, path) || !path_is_watched(path)) return real_unlinkat(folder, name, flags);
    pthread_mutex_lock(&order);
    int answer = real_unlinkat(folder, name, flags);
    int error = errno;
    if (answer == 0) append_paths(UNLINK, 0, path, NULL);
    pthread_mutex_unlock(&order);
    errno = error;
    return answer;
}

int unlink(const char *name) { return unlink_noted(AT_FDCWD, name, 0); }
int unlinkat(int folder, const char *name, int flags) { return unlink_noted(folder, name, flags); }

static int mkdir_noted(int folder, const char *name, mode_t mode) {
    REAL(mkdirat, mkdirat);
    char path[PATH_MAX];
    struct stat status;
    if (!absolute(folder, name, path) || !path_is_watched(path)) return real_mkdirat(folder, name, mode);
    pthread_mutex_lock(&order);
    int answer = real_mkdirat(folder, name, mode);
    int error = errno;
    if (answer == 0 && stat(path, &status) == 0) append_paths(FOLDER, status.st_ino, path, NULL);
    pthread_mutex_unlock(&order);
    errno = error;
    return answer;
}

int mkdir(const char *name, mode_t mode) { return mkdir_noted(AT_FDCWD, name, mode); }
int mkdirat(int folder, const char *name, mode_t mode) { return mkdir_noted(folder, name, mode); }
