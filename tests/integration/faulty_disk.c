/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file system below one directory that fails when a test says so: preloaded (LD_PRELOAD). While the
 * first octets of the file CTFLOWD_FAULT are not 0, they are the errno with which everything that would
 * change something below CTFLOWD_FAULT_DIRECTORY fails, as after a remount for reading only. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const volatile int32_t *fault;
static const char *directory;

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("CTFLOWD_FAULT");
    directory = getenv("CTFLOWD_FAULT_DIRECTORY");
    int file = name == NULL || directory == NULL ? -1 : (open)(name, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    void *map = mmap(NULL, sizeof *fault, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (map != MAP_FAILED) fault = map;
}

static int fails(const char *path) {
    if (fault == NULL || *fault == 0 || strncmp(path, directory, strlen(directory)) != 0) return 0;
    errno = *fault;
    return 1;
}

static int write_fails(int file) {
    if (fault == NULL || *fault == 0) return 0;
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return fails(path);
}

static int opened(const char *which, const char *path, int flags, va_list arguments) {
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, which);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    if (flags & (O_WRONLY | O_RDWR | O_CREAT) && fails(path)) return -1;
    return real(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    int file = opened("open", path, flags, arguments);
    va_end(arguments);
    return file;
}

int open64(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    int file = opened("open64", path, flags, arguments);
    va_end(arguments);
    return file;
}

#define WRITE(name, type)                                                                   \
    ssize_t name(int file, const void *from, size_t length, type offset) {                  \
        ssize_t (*real)(int, const void *, size_t, type) =                                  \
            (ssize_t(*)(int, const void *, size_t, type))dlsym(RTLD_NEXT, #name);           \
        return write_fails(file) ? -1 : real(file, from, length, offset);                   \
    }
WRITE(pwrite, off_t)
WRITE(pwrite64, off64_t)

int unlink(const char *path) {
    int (*real)(const char *) = (int (*)(const char *))dlsym(RTLD_NEXT, "unlink");
    return fails(path) ? -1 : real(path);
}

int rename(const char *from, const char *to) {
    int (*real)(const char *, const char *) =
        (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
    return fails(from) ? -1 : real(from, to);
}

int access(const char *path, int mode) {
    int (*real)(const char *, int) = (int (*)(const char *, int))dlsym(RTLD_NEXT, "access");
    return fails(path) ? -1 : real(path, mode);
}
