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
#include <utility>

#include "log/log.hpp"
#include "process/descriptor.hpp"
#include "text/errno_text.hpp"

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
  const Descriptor descriptor(open(file.c_str(), O_PATH | O_CLOEXEC));
  if (!descriptor.is_open()) {
    // Only these say that there is no such name; too many open files, for one, does not.
    found.known = errno == ENOENT || errno == ENOTDIR || errno == ESRCH;
    found.why = file + ": " + text::errno_text();
    return found;
  }
  struct statfs system {};
  constexpr decltype(system.f_type) kNsfs = 0x6e736673;  // NSFS_MAGIC
  if (fstatfs(descriptor.number(), &system) != 0) {
    found.known = false;
    found.why = file + ": " + text::errno_text();
  } else if (system.f_type != kNsfs) {
    found.why = file + ": a file, but no network namespace is mounted there";
  } else {
    found.identity = identity_of(descriptor.number());
  }
  return found;
}

namespace {

void enter(int there) {
  if (setns(there, CLONE_NEWNET) == 0) return;
  throw std::system_error(errno, std::generic_category(),
                          "entering a network namespace needs CAP_SYS_ADMIN (start ctflowd as "
                          "root) and a file that stands for one");
}

void go_back(int to) {
  if (setns(to, CLONE_NEWNET) == 0) return;
  log::error(
      "namespace_return_failed error={} impact=\"ctflowd ends, so that it does nothing in the "
      "wrong network\" fix=\"start ctflowd as root, or with CAP_SYS_ADMIN\"",
      log::quoted(text::errno_text()));
  std::abort();  // whatever is done next would be done in the wrong network
}

int copy_of(int descriptor) {
  const int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (copy >= 0) return copy;
  throw std::system_error(errno, std::generic_category(), "copying a descriptor");
}

}  // namespace

struct NetworkNamespace::Files {
  /// Both are opened below /proc: a descriptor that was opened through a mount, as those of
  /// /run/netns are, keeps the owner of the namespace from unmounting it (EBUSY).
  explicit Files(const std::string& name)
      : home(current != nullptr ? copy_of(current->home.number()) : open_file(kOwn)) {
    const Descriptor mounted(open_file(name));
    enter(mounted.number());
    const Return back(current != nullptr ? current->there.number() : home.number());
    there.reset(open_file(kOwn));
  }

  static constexpr const char* kOwn = "/proc/thread-self/ns/net";

  struct Return {
    explicit Return(int descriptor) : to(descriptor) {}
    ~Return() { go_back(to); }
    Return(const Return&) = delete;
    Return& operator=(const Return&) = delete;
    Return(Return&&) = delete;
    Return& operator=(Return&&) = delete;

    int to;
  };

  /// Of one that a visit is made to; null: home.
  static int descriptor_of(const Files* files) {
    return files != nullptr ? files->there.number() : current->home.number();
  }

  /// Where visits have moved this thread; null: it is at home.
  static thread_local const Files* current;

  Descriptor home;
  Descriptor there{};
};

thread_local const NetworkNamespace::Files* NetworkNamespace::Files::current = nullptr;

NetworkNamespace::NetworkNamespace(const std::string& file)
    : files_(std::make_shared<const Files>(file)) {}

NamespaceIdentity NetworkNamespace::identity() const {
  return files_ ? identity_of(files_->there.number()) : NamespaceIdentity{};
}

NetworkNamespace::Visit NetworkNamespace::visit() const { return Visit(files_); }

NetworkNamespace::Visit::Visit(std::shared_ptr<const Files> there)
    : there_(std::move(there)), before_(Files::current) {
  if (there_.get() == before_) return;
  enter(Files::descriptor_of(there_.get()));
  Files::current = there_.get();
}

NetworkNamespace::Visit::~Visit() {
  if (there_.get() == before_) return;
  go_back(before_ != nullptr ? before_->there.number() : there_->home.number());
  Files::current = before_;
}

}  // namespace ctflow
