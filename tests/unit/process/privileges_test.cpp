// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/privileges.hpp"

#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/fork_alone.hpp"
#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

constexpr std::uint64_t kSetUid = 1ULL << 7;
constexpr std::uint64_t kNetBindService = 1ULL << 10;
constexpr std::uint64_t kNetAdmin = 1ULL << 12;
constexpr std::uint64_t kSysAdmin = 1ULL << 21;
constexpr const char* kUser = "nobody";
constexpr int kThrew = 99;

/// A set of this process, by its name in /proc/self/status.
std::uint64_t capabilities(const std::string& set) {
  std::ifstream file("/proc/self/status");
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind(set + ":", 0) == 0) return std::stoull(line.substr(set.size() + 1), nullptr, 16);
  }
  return ~0ULL;
}

/// What `work` returns, in a process of its own.
int in_a_process(const std::function<int()>& work) {
  const pid_t child = test::fork_alone();
  if (child == 0) {
    try {
      _exit(work());
    } catch (const std::exception&) {
      _exit(kThrew);
    }
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class PrivilegesTest : public testing::Test {
 protected:
  void SetUp() override {
    const passwd* const entry = getpwnam(kUser);
    had_ = capabilities("CapPrm");
    if (geteuid() != 0 || entry == nullptr || (had_ & kSetUid) == 0) {
      GTEST_SKIP() << "root is needed, and the user nobody";
    }
    user_ = entry->pw_uid;
  }

  uid_t user_ = 0;
  std::uint64_t had_ = 0;
};

TEST_F(PrivilegesTest, KeepsOneCapabilityOfRoot) {
  const auto work = [this] {
    drop_privileges(kUser, {});
    if (getuid() != user_ || geteuid() != user_ || getegid() == 0) return 1;
    if (capabilities("CapPrm") != (kNetAdmin & had_)) return 2;
    if (capabilities("CapEff") != (kNetAdmin & had_)) return 3;
    if (capabilities("CapInh") != 0 || capabilities("CapAmb") != 0) return 4;
    return capabilities("CapBnd") == (kNetAdmin & had_) ? 0 : 5;
  };
  EXPECT_EQ(in_a_process(work), 0);
}

TEST_F(PrivilegesTest, KeepsWhatNamespacesAndLowPortsNeedWhereItIsAskedFor) {
  const auto namespaces = [this] {
    drop_privileges(kUser, {true, false, false});
    return capabilities("CapEff") == ((kNetAdmin | kSysAdmin) & had_) ? 0 : 1;
  };
  EXPECT_EQ(in_a_process(namespaces), 0);
  const auto ports = [this] {
    drop_privileges(kUser, {false, true, false});
    return capabilities("CapEff") == ((kNetAdmin | kNetBindService) & had_) ? 0 : 1;
  };
  EXPECT_EQ(in_a_process(ports), 0);
}

TEST_F(PrivilegesTest, KeepsWhatBindingToADeviceNeedsWhereItIsAskedFor) {
  const std::uint64_t net_raw = 1ULL << 13;
  const auto work = [&] {
    KeptPrivileges kept;
    kept.net_raw = true;
    drop_privileges(kUser, kept);
    return capabilities("CapEff") == ((kNetAdmin | net_raw) & had_) ? 0 : 1;
  };
  EXPECT_EQ(in_a_process(work), 0);
}

TEST_F(PrivilegesTest, KeepsWhatProgramsNeedWhereTheyMayMeasure) {
  const std::uint64_t bpf = 1ULL << 39 | 1ULL << 38;  // CAP_BPF, CAP_PERFMON
  const auto work = [&] {
    KeptPrivileges kept;
    kept.bpf = true;
    drop_privileges(kUser, kept);
    return capabilities("CapEff") == ((kNetAdmin | bpf) & had_) ? 0 : 1;
  };
  EXPECT_EQ(in_a_process(work), 0);
}

TEST_F(PrivilegesTest, GivesFilesOfRootToTheUserButNoOthers) {
  const test::TemporaryDirectory directory;
  const auto owner = [&](const std::string& name) {
    struct stat found {};
    EXPECT_EQ(lstat(directory.path(name).c_str(), &found), 0) << name;
    return found.st_uid;
  };
  for (const char* const name : {"state", "foreign", "twice", "behind"}) {
    std::ofstream(directory.path(name)) << "content";
  }
  ASSERT_EQ(chown(directory.path("foreign").c_str(), user_ + 1, 0), 0);
  ASSERT_EQ(link(directory.path("twice").c_str(), directory.path("name").c_str()), 0);
  ASSERT_EQ(symlink(directory.path("behind").c_str(), directory.path("link").c_str()), 0);
  ASSERT_EQ(mkdir(directory.path("folder").c_str(), 0700), 0);
  std::vector<std::string> files;
  for (const char* const name : {"state", "foreign", "twice", "link", "folder", "missing"}) {
    files.push_back(directory.path(name));
  }
  give_left_over_files(kUser, files);
  EXPECT_EQ(owner("state"), user_);
  EXPECT_EQ(owner("foreign"), user_ + 1);
  EXPECT_EQ(owner("twice"), 0U) << "it may be a file of root elsewhere";
  EXPECT_EQ(owner("behind"), 0U);
  EXPECT_EQ(owner("link"), 0U);
  EXPECT_EQ(owner("folder"), 0U);
}

TEST_F(PrivilegesTest, CannotBecomeRootAgain) {
  const auto work = [] {
    drop_privileges(kUser, {true, true, true});
    return setuid(0) != 0 && seteuid(0) != 0 && setgid(0) != 0 ? 0 : 1;
  };
  EXPECT_EQ(in_a_process(work), 0);
}

TEST_F(PrivilegesTest, LeavesTheGroupsOfRoot) {
  const auto work = [] {
    drop_privileges(kUser, {});
    std::vector<gid_t> groups(1024);
    const int count = getgroups(static_cast<int>(groups.size()), groups.data());
    groups.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    return std::count(groups.begin(), groups.end(), gid_t{0}) == 0 ? 0 : 1;
  };
  EXPECT_EQ(in_a_process(work), 0);
}

TEST_F(PrivilegesTest, IsContentWithTheUserThatItIsAlready) {
  const auto work = [] {
    drop_privileges(kUser, {});
    drop_privileges(kUser, {});
    return 0;
  };
  EXPECT_EQ(in_a_process(work), 0);
}

TEST_F(PrivilegesTest, CannotBecomeAnotherUserWithoutRoot) {
  const auto work = [] {
    drop_privileges(kUser, {});
    drop_privileges("daemon", {});
    return 0;
  };
  EXPECT_EQ(in_a_process(work), kThrew);
}

TEST_F(PrivilegesTest, GivesTheDirectoryThatItMadeToTheUser) {
  const std::string name = testing::TempDir() + "/privileges_test";
  rmdir(name.c_str());
  make_directory_of(kUser, name);
  make_directory_of(kUser, name);
  struct stat made {};
  ASSERT_EQ(stat(name.c_str(), &made), 0);
  EXPECT_EQ(made.st_uid, user_);
  rmdir(name.c_str());
  EXPECT_THROW(make_directory_of(kUser, "/nonexistent/folder"), std::runtime_error);
}

TEST(CheckUser, SaysWhatIsWrong) {
  try {
    check_user("no-such-user");
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("user: no-such-user"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("useradd"), std::string::npos);
  }
  EXPECT_THROW(check_user("root"), std::runtime_error);
}

}  // namespace
}  // namespace ctflow
