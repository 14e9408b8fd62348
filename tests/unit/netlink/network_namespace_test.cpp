// SPDX-License-Identifier: GPL-2.0-or-later
#include "netlink/network_namespace.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <system_error>

#include "support/fork_alone.hpp"
#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

ino_t current() {
  struct stat state {};
  EXPECT_EQ(stat("/proc/thread-self/ns/net", &state), 0);
  return state.st_ino;
}

TEST(NetworkNamespace, NamesAFileThatIsNotThere) {
  try {
    const NetworkNamespace none("/nowhere/red");
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_NE(std::string(error.what()).find("/nowhere/red"), std::string::npos) << error.what();
  }
}

TEST(NetworkNamespace, RefusesAFileThatIsNoNamespace) {
  EXPECT_THROW(NetworkNamespace("/dev/null"), std::system_error);
}

TEST(NetworkNamespace, StaysAtHomeByDefault) {
  const ino_t home = current();
  const auto visit = NetworkNamespace().visit();
  EXPECT_EQ(current(), home);
}

TEST(NetworkNamespace, IsThereDuringAVisitAndBackAfterIt) {
  // In a process of its own, with user and network namespaces of its own.
  const pid_t child = test::fork_alone();
  if (child == 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) _exit(77);
    const ino_t other = current();
    const int file = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (unshare(CLONE_NEWNET) != 0) _exit(77);
    const ino_t home = current();
    const NetworkNamespace there("/proc/self/fd/" + std::to_string(file));
    {
      const auto visit = there.visit();
      if (current() != other || home == other) _exit(1);
    }
    _exit(current() == home ? 0 : 2);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no user namespaces here";
  EXPECT_EQ(status, 0);
}

TEST(NetworkNamespace, DoesNotKeepItsOwnerFromUnmountingIt) {
  const test::TemporaryDirectory directory;
  const std::string name = directory.path("red");
  close(open(name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const pid_t child = test::fork_alone();
  if (child == 0) {
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) _exit(77);
    if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) _exit(77);
    const ino_t other = current();
    if (mount("/proc/self/ns/net", name.c_str(), nullptr, MS_BIND, nullptr) != 0) _exit(77);
    if (unshare(CLONE_NEWNET) != 0) _exit(77);
    const ino_t home = current();
    const NetworkNamespace there(name);
    if (current() != home || there.identity().inode != other) _exit(1);
    if (umount(name.c_str()) != 0) _exit(2);
    {
      const auto visit = there.visit();
      if (current() != other) _exit(3);
    }
    _exit(current() == home ? 0 : 4);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "a mount of its own needs root";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(NetworkNamespace, EachVisitEndsWhereItBegan) {
  const pid_t child = test::fork_alone();
  if (child == 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) _exit(77);
    const auto make = [] {
      const int file = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
      if (unshare(CLONE_NEWNET) != 0) _exit(77);
      return "/proc/self/fd/" + std::to_string(file);
    };
    const ino_t red_inode = current();
    const std::string red_file = make();
    const ino_t blue_inode = current();
    const std::string blue_file = make();
    const ino_t home = current();
    const NetworkNamespace red(red_file);
    {
      const auto outer = red.visit();
      {
        const auto same = red.visit();
        if (current() != red_inode) _exit(1);
      }
      if (current() != red_inode) _exit(2);
      {
        const NetworkNamespace blue(blue_file);  // knows the way home, too
        if (current() != red_inode) _exit(3);
        const auto other = blue.visit();
        if (current() != blue_inode) _exit(4);
        const auto own = NetworkNamespace().visit();
        if (current() != home) _exit(5);
      }
      if (current() != red_inode) _exit(6);
    }
    _exit(current() == home ? 0 : 7);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no user namespaces here";
  EXPECT_EQ(status, 0);
}

TEST(LookUpNamespace, TellsNamespacesFromOtherFilesAndFromNothing) {
  const NamespaceAt own = look_up_namespace("/proc/self/ns/net");
  ASSERT_TRUE(own.identity);
  EXPECT_EQ(own.identity->inode, current());
  EXPECT_EQ(look_up_namespace("/proc/thread-self/ns/net").identity, own.identity);
  for (const char* const file : {"/dev/null", "/nowhere/red", "/dev/null/red"}) {
    const NamespaceAt none = look_up_namespace(file);
    EXPECT_FALSE(none.identity) << file;
    EXPECT_TRUE(none.known) << file;
    EXPECT_NE(none.why.find(file), std::string::npos) << none.why;
  }
}

TEST(LookUpNamespace, DoesNotTakeAnErrorForAnAbsence) {
  // In a process that may open no further file.
  const pid_t child = test::fork_alone();
  if (child == 0) {
    const rlimit none{0, 0};
    if (setrlimit(RLIMIT_NOFILE, &none) != 0) _exit(2);
    const NamespaceAt found = look_up_namespace("/proc/self/ns/net");
    _exit(!found.identity && !found.known ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace ctflow
