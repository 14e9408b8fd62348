// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/reported/state_place.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace ctflow {
namespace {

class StatePlaceTest : public testing::Test {
 protected:
  StatePlaceTest() {
    directory_ =
        (std::filesystem::temp_directory_path() / ("ctflowd-runtime-" + std::to_string(getpid())))
            .string();
    std::filesystem::create_directory(directory_);
  }
  void TearDown() override {
    unsetenv("RUNTIME_DIRECTORY");
    std::filesystem::remove_all(directory_);
  }

  std::string directory_;
  SourceConfig config_;
};

TEST_F(StatePlaceTest, IsInTheRuntimeDirectoryByDefault) {
  const StatePlace place = find_state_place(config_, directory_);
  EXPECT_EQ(place.file, directory_ + "/state");
  EXPECT_EQ(place.obstacle, "");
}

TEST_F(StatePlaceTest, IsAnotherForEachNamespace) {
  config_.state_suffix = ".red";
  EXPECT_EQ(find_state_place(config_, directory_).file, directory_ + "/state.red");
  config_.state_file = "/somewhere/else";
  EXPECT_EQ(find_state_place(config_, directory_).file, "/somewhere/else.red");
}

TEST_F(StatePlaceTest, IsNowhereIfTheConfigurationSaysSo) {
  config_.state_file = "";
  config_.state_suffix = ".red";
  const StatePlace place = find_state_place(config_, directory_ + "/missing");
  EXPECT_EQ(place.file, "");
  EXPECT_EQ(place.obstacle, "");
}

TEST_F(StatePlaceTest, IsNowhereWhereWhatLivesIsSkipped) {
  config_.existing = ExistingConnections::kSkip;
  EXPECT_EQ(find_state_place(config_, directory_).file, "");
}

TEST_F(StatePlaceTest, SaysWhatStandsInTheWay) {
  const StatePlace missing = find_state_place(config_, directory_ + "/missing");
  EXPECT_EQ(missing.file, "");
  EXPECT_EQ(missing.directory, directory_ + "/missing");
  EXPECT_NE(missing.obstacle, "");
  std::ofstream(directory_ + "/file") << "x";
  EXPECT_NE(find_state_place(config_, directory_ + "/file").obstacle, "");
}

TEST_F(StatePlaceTest, DoesNotMatterWhereOnlyEndsAreReported) {
  config_.active_timeout = std::chrono::milliseconds(0);
  EXPECT_EQ(find_state_place(config_, directory_ + "/missing").obstacle, "");
  EXPECT_EQ(find_state_place(config_, directory_).file, directory_ + "/state")
      << "a patched kernel may report by itself";
}

TEST_F(StatePlaceTest, TakesTheFirstDirectoryOfTheServiceManager) {
  setenv("RUNTIME_DIRECTORY", (directory_ + ":/another").c_str(), 1);
  EXPECT_EQ(find_state_place(config_).file, directory_ + "/state");
}

}  // namespace
}  // namespace ctflow
