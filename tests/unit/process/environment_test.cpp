// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/environment.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <functional>
#include <string>

#include "support/fork_alone.hpp"

namespace ctflow {
namespace {

/// What `work` returns, in a process of its own.
int in_a_process(const std::function<int()>& work) {
  const pid_t child = test::fork_alone();
  if (child == 0) _exit(work());
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
  return WEXITSTATUS(status);
}

bool is_null_device(int descriptor) {
  struct stat here {};
  struct stat null {};
  return fstat(descriptor, &here) == 0 && stat("/dev/null", &null) == 0 &&
         here.st_rdev == null.st_rdev;
}

TEST(Environment, OpensWhatWasClosedOfTheFirstThreeDescriptors) {
  const auto work = [] {
    for (int i = 0; i < 3; ++i) close(i);
    prepare_environment();
    for (int i = 0; i < 3; ++i) {
      if (!is_null_device(i)) return 1 + i;
    }
    return open("/dev/null", O_RDONLY | O_CLOEXEC) > 2 ? 0 : 9;
  };
  EXPECT_EQ(in_a_process(work), 0);
}

TEST(Environment, LeavesThoseThatAreOpen) {
  const auto work = [] {
    struct stat before {};
    struct stat after {};
    close(STDIN_FILENO);
    fstat(STDERR_FILENO, &before);
    prepare_environment();
    fstat(STDERR_FILENO, &after);
    return before.st_ino == after.st_ino && before.st_dev == after.st_dev ? 0 : 1;
  };
  EXPECT_EQ(in_a_process(work), 0);
}

TEST(Environment, TurnsAFileSizeLimitIntoAnErrorOfTheWrite) {
  std::string name = testing::TempDir() + "/environment_test.XXXXXX";
  const int file = mkstemp(name.data());
  const auto work = [file] {
    prepare_environment();
    const rlimit limit{4, 4};
    setrlimit(RLIMIT_FSIZE, &limit);
    if (write(file, "12345678", 8) != 4) return 1;
    return write(file, "5", 1) < 0 && errno == EFBIG ? 0 : 2;
  };
  EXPECT_EQ(in_a_process(work), 0);
  close(file);
  unlink(name.c_str());
}

TEST(Environment, MakesNothingThatEverybodyCanRead) {
  const std::string name = testing::TempDir() + "/environment_test_mode";
  unlink(name.c_str());
  const auto work = [&] {
    umask(0);
    prepare_environment();
    return open(name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666) < 0 ? 1 : 0;
  };
  EXPECT_EQ(in_a_process(work), 0);
  struct stat made {};
  ASSERT_EQ(stat(name.c_str(), &made), 0);
  EXPECT_EQ(made.st_mode & 0777U, 0640U);
  unlink(name.c_str());
}

TEST(Environment, KeepsAStricterUmask) {
  const auto work = [] {
    umask(0077);
    prepare_environment();
    return umask(0) == 0077 ? 0 : 1;
  };
  EXPECT_EQ(in_a_process(work), 0);
}

TEST(Environment, AllowsAsManyDescriptorsAsItMay) {
  const auto work = [] {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 64;
    setrlimit(RLIMIT_NOFILE, &limit);
    prepare_environment();
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur == limit.rlim_max ? 0 : 1;
  };
  EXPECT_EQ(in_a_process(work), 0);
}

}  // namespace
}  // namespace ctflow
