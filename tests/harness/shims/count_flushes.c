/* LD_PRELOAD shim: counts flushes of files below SHIM_FOLDER in the eight bytes of the file SHIM_COUNTER. */
#include "common.h"
#include <sys/mman.h>

static void count(int descriptor) {
    static uint64_t *counter;
    struct stat status;
    if (!is_watched(descriptor, &status, 1)) return;
    if (!counter) {
        int file = open(getenv("SHIM_COUNTER"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (file < 0 || ftruncate(file, sizeof *counter) != 0) abort();
        counter = mmap(NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        close(file);
    }
    __atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

int fsync(int descriptor) {
    REAL(fsync, fsync);
    count(descriptor);
    return real_fsync(descriptor);
}

int fdatasync(int descriptor) {
    REAL(fdatasync, fdatasync);
    count(descriptor);
    return real_fdatasync(descriptor);
}
