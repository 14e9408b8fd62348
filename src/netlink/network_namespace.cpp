// SPDX-License-Identifier: GPL-2.0-or-later
#include "netlink/network_namespace.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "log/log.hpp"

namespace ctflow {
namespace {

int open_file(const std::string& name) {
  const int descriptor = open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    throw std::system_error(errno, std::generic_category(), "opening network namespace " + name);
  }
  return descriptor;
}

NamespaceIdentity identity_of(int descriptor) {
  struct stat status {};
  if (fstat(descriptor, &status) != 0) return {};
  return {status.st_dev, status.st_ino};
}

}  // namespace

NamespaceAt look_up_namespace(const std::string& file) {
  NamespaceAt found;
  const int descriptor = open(file.c_str(), O_PATH | O_CLOEXEC);
  if (descriptor < 0) {
    // Only these say that there is no such name; too many open files, for one, does not.
    found.known = errno == ENOENT || errno == ENOTDIR || errno == ESRCH;
    found.why = file + ": " + std::generic_category().message(errno);
    return found;
  }
  struct statfs system {};
  constexpr decltype(system.f_type) kNsfs = 0x6e736673;  // NSFS_MAGIC
  if (fstatfs(descriptor, &system) != 0) {
    found.known = false;
    found.why = file + ": " + std::generic_category().message(errno);
  } else if (system.f_type != kNsfs) {
    found.why = file + ": a file, but no network namespace is mounted there";
  } else {
    found.identity = identity_of(descriptor);
  }
  close(descriptor);
  return found;
}

namespace {

void enter(int there) {
  if (setns(there, CLONE_NEWNET) == 0) return;
  throw std::system_error(errno, std::generic_category(),
                          "entering a network namespace needs CAP_SYS_ADMIN (start ctflowd as "
                          "root) and a file that stands for one");
}

}  // namespace

struct NetworkNamespace::Files {
  /// Both are opened below /proc: a descriptor that was opened through a mount, as those of
  /// /run/netns are, keeps the owner of the namespace from unmounting it (EBUSY).
  explicit Files(const std::string& name) : home(open_file(kOwn)) {
    const Descriptor mounted(open_file(name));
    enter(mounted.number);
    const Visit visit(home.number);
    there.number = open_file(kOwn);
  }

  static constexpr const char* kOwn = "/proc/thread-self/ns/net";

  struct Descriptor {
    explicit Descriptor(int file = -1) : number(file) {}
    ~Descriptor() {
      if (number >= 0) close(number);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    Descriptor(Descriptor&&) = delete;
    Descriptor& operator=(Descriptor&&) = delete;

    int number;
  };

  Descriptor home;
  Descriptor there{};
};

NetworkNamespace::NetworkNamespace(const std::string& file)
    : files_(std::make_shared<const Files>(file)) {}

NamespaceIdentity NetworkNamespace::identity() const {
  return files_ ? identity_of(files_->there.number) : NamespaceIdentity{};
}

NetworkNamespace::Visit NetworkNamespace::visit() const {
  if (!files_) return {};
  enter(files_->there.number);
  return Visit(files_->home.number);
}

NetworkNamespace::Visit::~Visit() {
  if (home_ < 0 || setns(home_, CLONE_NEWNET) == 0) return;
  log::error("namespace_return_failed error={}",
             log::quoted(std::generic_category().message(errno)));
  std::abort();  // whatever is done next would be done in the wrong network
}

}  // namespace ctflow
