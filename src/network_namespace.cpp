// SPDX-License-Identifier: GPL-2.0-or-later
#include "network_namespace.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "observe/log.hpp"

namespace ctflow {
namespace {

int open_file(const std::string& name) {
  const int descriptor = open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    throw std::system_error(errno, std::generic_category(), "opening network namespace " + name);
  }
  return descriptor;
}

}  // namespace

struct NetworkNamespace::Files {
  explicit Files(const std::string& name) : there(open_file(name)) {
    try {
      home = open_file("/proc/self/ns/net");
    } catch (...) {
      close(there);
      throw;
    }
  }
  ~Files() {
    close(there);
    close(home);
  }

  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;
  Files(Files&&) = delete;
  Files& operator=(Files&&) = delete;

  int there;
  int home = -1;
};

NetworkNamespace::NetworkNamespace(const std::string& file)
    : files_(std::make_shared<const Files>(file)) {
  const Visit once = visit();
}

NetworkNamespace::Visit NetworkNamespace::visit() const {
  if (!files_) return {};
  if (setns(files_->there, CLONE_NEWNET) != 0) {
    throw std::system_error(errno, std::generic_category(),
                            "entering a network namespace needs CAP_SYS_ADMIN (start ctflowd as "
                            "root) and a file that stands for one");
  }
  return Visit(files_->home);
}

NetworkNamespace::Visit::~Visit() {
  if (home_ < 0 || setns(home_, CLONE_NEWNET) == 0) return;
  log::error("namespace_return_failed error={}",
             log::quoted(std::generic_category().message(errno)));
  std::abort();  // whatever is done next would be done in the wrong network
}

}  // namespace ctflow
