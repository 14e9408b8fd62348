// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/environment.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

namespace ctflow {
namespace {

void open_standard_descriptors() {
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor) {
    if (fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) continue;
    // It gets the lowest free number, which is this one. Programs that are started keep it.
    if (open("/dev/null", O_RDWR) != descriptor) std::abort();  // NOLINT: no O_CLOEXEC
  }
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);  // what cannot be raised stays as it is
}

}  // namespace

void prepare_environment() {
  open_standard_descriptors();
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  constexpr mode_t kOthersAndGroupWrite = 0027;
  umask(umask(0777) | kOthersAndGroupWrite);
  raise_descriptor_limit();
}

}  // namespace ctflow
