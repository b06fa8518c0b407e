/* Makes one call fail that changes a file below a directory: for tests of what is left then.
 *
 * Preloaded into a process (LD_PRELOAD), it counts the calls that write to files below FAULT_BELOW:
 * open with O_CREAT, write, pwrite, fsync, ftruncate, close after writing, rename, link, unlink and
 * mkdir. The call of number FAULT_AT, and every write after it if FAULT_STAYS is set, fails with
 * the error FAULT_ERRNO; if that is 0, the process is killed there, unless it is a child. The count
 * is kept in the file FAULT_COUNT, which all processes share.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define MOST_FILES 4096

static long *count;
static long fail_at;
static int fail_with, stays;
static pid_t leader;
static const char *below;
static size_t below_length;
static char written_to[MOST_FILES]; /* whether a descriptor is open to write below the directory */

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void begin(void)
{
    const char *file = getenv("FAULT_COUNT");
    below = getenv("FAULT_BELOW");
    if (file == NULL || below == NULL)
        return;
    below_length = strlen(below);
    fail_at = atol(getenv("FAULT_AT"));
    fail_with = atoi(getenv("FAULT_ERRNO"));
    leader = getpid();
    stays = getenv("FAULT_STAYS") != NULL;
    int (*opened)(const char *, int, ...) = next("open");
    int (*closed)(int) = next("close");
    int descriptor = opened(file, O_RDWR | O_CLOEXEC);
    if (descriptor < 0)
        return;
    void *shared = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    closed(descriptor);
    if (shared != MAP_FAILED)
        count = shared;
}

static int is_below(int folder, const char *path)
{
    char whole[PATH_MAX];
    if (count == NULL || path == NULL)
        return 0;
    if (path[0] != '/') {
        char link[64];
        ssize_t length;
        if (folder == AT_FDCWD) {
            if (getcwd(whole, sizeof whole) == NULL)
                return 0;
            length = (ssize_t)strlen(whole);
        } else {
            snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
            length = readlink(link, whole, sizeof whole - 1);
            if (length < 0)
                return 0;
        }
        if ((size_t)length + strlen(path) + 2 > sizeof whole)
            return 0;
        whole[length] = '/';
        strcpy(whole + length + 1, path);
        path = whole;
    }
    return strncmp(path, below, below_length) == 0;
}

static int open_below(int descriptor)
{
    char link[64], path[PATH_MAX];
    ssize_t length;
    if (count == NULL || descriptor < 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return strncmp(path, below, below_length) == 0;
}

/* Whether this call fails. What removes or closes fails once only: the program tidies with it. */
static int fails(int is_write)
{
    long number = __atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST);
    if (number == fail_at || (stays && is_write && number > fail_at && fail_at > 0)) {
        if (fail_with == 0 && getpid() == leader)
            raise(SIGKILL);
        errno = fail_with;
        return fail_with != 0;
    }
    return 0;
}

static void note(int descriptor, int flags)
{
    if (descriptor >= 0 && descriptor < MOST_FILES)
        written_to[descriptor] = (flags & O_ACCMODE) != O_RDONLY && open_below(descriptor);
}

#define OPEN(name, parameters, folder, path, call)                                                \
    int name parameters                                                                           \
    {                                                                                             \
        mode_t mode = 0;                                                                          \
        if (flags & (O_CREAT | O_TMPFILE)) {                                                      \
            va_list list;                                                                         \
            va_start(list, flags);                                                                \
            mode = va_arg(list, mode_t);                                                          \
            va_end(list);                                                                         \
        }                                                                                         \
        if ((flags & O_CREAT) && is_below(folder, path) && fails(1))                              \
            return -1;                                                                            \
        int descriptor = call;                                                                    \
        note(descriptor, flags);                                                                  \
        return descriptor;                                                                        \
    }

OPEN(open, (const char *path, int flags, ...), AT_FDCWD, path,
     ((int (*)(const char *, int, ...))next("open"))(path, flags, mode))
OPEN(open64, (const char *path, int flags, ...), AT_FDCWD, path,
     ((int (*)(const char *, int, ...))next("open64"))(path, flags, mode))
OPEN(openat, (int folder, const char *path, int flags, ...), folder, path,
     ((int (*)(int, const char *, int, ...))next("openat"))(folder, path, flags, mode))
OPEN(openat64, (int folder, const char *path, int flags, ...), folder, path,
     ((int (*)(int, const char *, int, ...))next("openat64"))(folder, path, flags, mode))

#define ON_FILE(type, name, parameters, arguments)                                                \
    type name parameters                                                                          \
    {                                                                                             \
        if (open_below(descriptor) && fails(1))                                                   \
            return -1;                                                                            \
        return ((type(*) parameters)next(#name))arguments;                                        \
    }

ON_FILE(ssize_t, write, (int descriptor, const void *data, size_t size), (descriptor, data, size))
ON_FILE(ssize_t, writev, (int descriptor, const struct iovec *parts, int number),
        (descriptor, parts, number))
ON_FILE(ssize_t, pwrite, (int descriptor, const void *data, size_t size, off_t at),
        (descriptor, data, size, at))
ON_FILE(ssize_t, pwrite64, (int descriptor, const void *data, size_t size, off64_t at),
        (descriptor, data, size, at))
ON_FILE(int, fsync, (int descriptor), (descriptor))
ON_FILE(int, fdatasync, (int descriptor), (descriptor))
ON_FILE(int, ftruncate, (int descriptor, off_t size), (descriptor, size))
ON_FILE(int, ftruncate64, (int descriptor, off64_t size), (descriptor, size))

int close(int descriptor)
{
    int (*closed)(int) = next("close");
    int counts = descriptor >= 0 && descriptor < MOST_FILES && written_to[descriptor];
    if (counts)
        written_to[descriptor] = 0;
    if (counts && fails(0)) {
        closed(descriptor); /* as Linux does */
        errno = fail_with;
        return -1;
    }
    return closed(descriptor);
}

#define ON_NAME(name, parameters, folder, path, is_write, arguments)                              \
    int name parameters                                                                           \
    {                                                                                             \
        if (is_below(folder, path) && fails(is_write))                                            \
            return -1;                                                                            \
        return ((int (*) parameters)next(#name))arguments;                                        \
    }

ON_NAME(rename, (const char *old, const char *new), AT_FDCWD, new, 1, (old, new))
ON_NAME(renameat, (int from, const char *old, int to, const char *new), to, new, 1,
        (from, old, to, new))
ON_NAME(link, (const char *old, const char *new), AT_FDCWD, new, 1, (old, new))
ON_NAME(linkat, (int from, const char *old, int to, const char *new, int flags), to, new, 1,
        (from, old, to, new, flags))
ON_NAME(mkdir, (const char *path, mode_t mode), AT_FDCWD, path, 1, (path, mode))
ON_NAME(mkdirat, (int folder, const char *path, mode_t mode), folder, path, 1,
        (folder, path, mode))
ON_NAME(unlink, (const char *path), AT_FDCWD, path, 0, (path))
ON_NAME(unlinkat, (int folder, const char *path, int flags), folder, path, 0,
        (folder, path, flags))
