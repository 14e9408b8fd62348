/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel that does not answer as it should when a test says so: preloaded (LD_PRELOAD). While the file
 * CTFLOWD_FAULT begins with `r`, requests of neighbour tables fail; with `s`, sockets for routes and
 * neighbours cannot be opened; with `w`, requests to ctnetlink wait for ten seconds, as they do while a
 * flush of a large table holds the lock. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char fault(void) {
    const char *name = getenv("CTFLOWD_FAULT");
    char kind = 0;
    int file = name == NULL ? -1 : open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    if (read(file, &kind, 1) != 1) kind = 0;
    close(file);
    return kind;
}

int socket(int domain, int type, int protocol) {
    int (*real)(int, int, int) = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");
    if (domain == AF_NETLINK && protocol == NETLINK_ROUTE && fault() == 's') {
        errno = ENOBUFS;
        return -1;
    }
    return real(domain, type, protocol);
}

ssize_t sendto(int file, const void *message, size_t length, int flags, __CONST_SOCKADDR_ARG to,
               socklen_t size) {
    typedef ssize_t (*Send)(int, const void *, size_t, int, __CONST_SOCKADDR_ARG, socklen_t);
    Send real = (Send)dlsym(RTLD_NEXT, "sendto");
    struct nlmsghdr header;
    const struct sockaddr *address = to.__sockaddr__;
    if (address != NULL && address->sa_family == AF_NETLINK && length >= sizeof header) {
        memcpy(&header, message, sizeof header);
        if (header.nlmsg_type == RTM_GETNEIGH && fault() == 'r') {
            errno = ENOBUFS;
            return -1;
        }
        if (NFNL_SUBSYS_ID(header.nlmsg_type) == NFNL_SUBSYS_CTNETLINK && fault() == 'w') sleep(10);
    }
    return real(file, message, length, flags, to, size);
}
