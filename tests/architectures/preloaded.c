/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Preloaded: the time of day and the time since boot stand still, so that messages with their export times
 * can be compared octet for octet. All other clocks go on. Programs with times of 64 bits where a long has 32
 * call __clock_gettime64.
 * And datagrams are sent one by one: an emulator hands the size of UDP_SEGMENT to the kernel in the order of the
 * emulated machine, and the datagrams are cut elsewhere, or not at all. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const int64_t kNow = 1800000000;
static const int64_t kSinceBoot = 3600;
enum { kNanoseconds = 123456789 };

/* What the kernel has for times of 64 bits, on every architecture. */
struct time64 {
  int64_t seconds;
  int64_t nanoseconds;
};

static int read_clock(clockid_t clock, struct time64* time) {
  time->nanoseconds = kNanoseconds;
  switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
      time->seconds = kNow;
      return 0;
    case CLOCK_BOOTTIME:
      time->seconds = kSinceBoot;
      return 0;
    default:
#ifdef SYS_clock_gettime64
      return (int)syscall(SYS_clock_gettime64, clock, time);
#else
      return (int)syscall(SYS_clock_gettime, clock, time);
#endif
  }
}

int clock_gettime(clockid_t clock, struct timespec* time) {
  struct time64 found;
  const int result = read_clock(clock, &found);
  if (result == 0) {
    time->tv_sec = (time_t)found.seconds;
    time->tv_nsec = (long)found.nanoseconds;
  }
  return result;
}

/* struct __timespec64: the nanoseconds are where their low half has its place in an int64_t. */
int __clock_gettime64(clockid_t clock, struct time64* time) { return read_clock(clock, time); }

/* As a kernel before 4.18. */
ssize_t sendmsg(int socket, const struct msghdr* message, int flags) {
  const struct cmsghdr* const header = CMSG_FIRSTHDR(message);
  if (header != NULL && header->cmsg_level == SOL_UDP && header->cmsg_type == UDP_SEGMENT) {
    errno = EINVAL;
    return -1;
  }
  return syscall(SYS_sendmsg, socket, message, flags);
}

ssize_t __sendmsg64(int socket, const struct msghdr* message, int flags) {
  return sendmsg(socket, message, flags);
}
