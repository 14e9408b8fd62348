// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/resource.h>

#include <csignal>

namespace ctflow::test {

/// While it exists no file of this process grows beyond some octets.
class LongestFile {
 public:
  explicit LongestFile(rlim_t octets) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{octets, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~LongestFile() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, ignored_);
  }
  LongestFile(const LongestFile&) = delete;
  LongestFile& operator=(const LongestFile&) = delete;
  LongestFile(LongestFile&&) = delete;
  LongestFile& operator=(LongestFile&&) = delete;

 private:
  rlimit before_{};
  void (*ignored_)(int) = std::signal(SIGXFSZ, SIG_IGN);
};

}  // namespace ctflow::test
