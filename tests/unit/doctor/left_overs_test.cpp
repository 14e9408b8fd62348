// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/left_overs.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>

#include "support/fork_alone.hpp"
#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

using testing::ElementsAre;

class LeftOversTest : public testing::Test {
 protected:
  LeftOversTest() {
    CollectorConfig one;
    one.name = "one";
    one.transport = TransportKind::kTcp;
    one.spool.directory = directory_.name();
    config_.collectors.push_back(one);
    config_.source.state_file = directory_.path("state");
  }

  void leave(const std::string& name) { std::ofstream(directory_.path(name)) << "content"; }

  /// What `look` returns when it runs as a user who may list the directory, and owns nothing in it;
  /// 77 where nothing can be run as another user.
  int as_another_user(const std::function<int()>& look) const {
    chmod(directory_.name().c_str(), 0777);
    const pid_t child = test::fork_alone();
    if (child == 0) {
      constexpr uid_t kNobody = 65534;
      _exit(setresuid(kNobody, kNobody, kNobody) == 0 ? look() : 77);
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    return WEXITSTATUS(status);
  }

  test::TemporaryDirectory directory_;
  Config config_;
};

TEST_F(LeftOversTest, AreTheFilesOfThisConfiguration) {
  for (const char* const name :
       {"one.lock", "one-0000000000000001.spool", "other.lock", "other-0000000000000001.spool",
        "state", "state.lock", "state.red", "unrelated"}) {
    leave(name);
  }
  EXPECT_THAT(
      left_over_files(config_),
      ElementsAre(directory_.path("one-0000000000000001.spool"), directory_.path("one.lock"),
                  directory_.path("state"), directory_.path("state.lock")));
  config_.namespaces.resize(1);
  config_.namespaces[0].name = "red";
  EXPECT_THAT(left_over_files(config_), ElementsAre(directory_.path("state.red")));
}

TEST_F(LeftOversTest, AreTheFilesOfConnectionLogs) {
  ConnectionLogConfig log;
  log.name = "local";
  log.path = directory_.path("log.json");
  config_.log_connections.push_back(log);
  for (const char* const name : {"log.json", "log.json.red", "log.json.20260101T000000Z"}) {
    leave(name);
  }
  EXPECT_THAT(left_over_files(config_), ElementsAre(log.path));
  config_.namespaces.resize(1);
  config_.namespaces[0].name = "red";
  EXPECT_THAT(left_over_files(config_), ElementsAre(log.path + ".red"));
}

TEST_F(LeftOversTest, AreFoundWhereThisUserCannotWriteThem) {
  leave("state");
  EXPECT_TRUE(check_left_overs(config_).wrong.empty());
  if (geteuid() != 0) GTEST_SKIP() << "only root can make files that another user cannot write";
  leave("state.lock");
  chmod(directory_.path("state").c_str(), 0666);
  chmod(directory_.path("state.lock").c_str(), 0600);
  EXPECT_EQ(as_another_user([&] {
              const Findings found = check_left_overs(config_);
              if (found.wrong.size() != 1) return 1;
              if (found.wrong[0].fix != "chown ctflowd " + directory_.path("state.lock")) return 2;
              return 0;
            }),
            0);
}

TEST_F(LeftOversTest, AreOneFindingHoweverManyThereAre) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can make files that another user cannot write";
  for (const char* const name : {"one-0000000000000001.spool", "one.lock", "state"}) {
    leave(name);
    chmod(directory_.path(name).c_str(), 0600);
  }
  EXPECT_EQ(as_another_user([&] {
              const Findings found = check_left_overs(config_);
              if (found.wrong.size() != 1) return 1;
              if (found.wrong[0].impact.find(" and 2 more files") == std::string::npos) return 2;
              const std::string named =
                  fmt::format("chown ctflowd {0}/one-0000000000000001.spool {0}/one.lock {0}/state",
                              directory_.name());
              return found.wrong[0].fix == named ? 0 : 3;
            }),
            0);
}

TEST_F(LeftOversTest, NamesTheFirstOfVeryMany) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can make files that another user cannot write";
  for (int number = 0; number < 10; ++number) {
    const std::string name = fmt::format("one-{:016x}.spool", number);
    leave(name);
    chmod(directory_.path(name).c_str(), 0600);
  }
  EXPECT_EQ(as_another_user([&] {
              const std::string fix = check_left_overs(config_).wrong.at(0).fix;
              if (fix.find("-0000000000000007.spool, then look again: there are 2 more files") ==
                  std::string::npos)
                return 1;
              return 0;
            }),
            0);
}

}  // namespace
}  // namespace ctflow
