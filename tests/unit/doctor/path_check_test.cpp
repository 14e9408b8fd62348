// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/path_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class PathCheckTest : public testing::Test {
 protected:
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const Finding& one : check_paths(config_).wrong) all.push_back(one.name);
    return all;
  }
  [[nodiscard]] std::string impact() const { return check_paths(config_).wrong.at(0).impact; }
  [[nodiscard]] std::string fix() const { return check_paths(config_).wrong.at(0).fix; }
  ConnectionLogConfig& add_log(const std::string& name, const std::string& path) {
    ConnectionLogConfig& log = config_.log_connections.emplace_back();
    log.name = name;
    log.path = path;
    return log;
  }

  test::TemporaryDirectory directory_;
  Config config_;
};

TEST_F(PathCheckTest, FindsAStateFileWithoutADirectory) {
  config_.source.state_file = "";  // off
  EXPECT_THAT(names(), IsEmpty());
  config_.source.state_file = directory_.path("state");
  EXPECT_THAT(names(), IsEmpty());
  config_.source.state_file = directory_.path("missing/state");
  ASSERT_THAT(names(), ElementsAre("state_file_unusable"));
  EXPECT_THAT(impact(), HasSubstr("missing: No such file or directory"));
  EXPECT_THAT(fix(), HasSubstr("install -d"));
  config_.namespaces = {{"red"}};
  EXPECT_THAT(impact(), HasSubstr("missing/state.red"));
}

TEST_F(PathCheckTest, FindsADirectoryWhereAFileIsToBe) {
  config_.source.state_file = directory_.name();
  ASSERT_THAT(names(), ElementsAre("state_file_unusable"));
  EXPECT_THAT(impact(), HasSubstr("it is a directory"));
  config_.source.state_file = "";
  config_.accounting.database = directory_.name();
  EXPECT_THAT(names(), IsEmpty()) << "there is no accounting";
  config_.accounting.aggregates.emplace_back();
  ASSERT_THAT(names(), ElementsAre("accounting_database_unusable"));
}

TEST_F(PathCheckTest, FindsOneFileOfTwoSettingsWhateverItsSpelling) {
  config_.source.state_file = directory_.path("one");
  config_.status.socket = directory_.path("./one");
  ASSERT_THAT(names(), ElementsAre("path_twice"));
  EXPECT_THAT(impact(), HasSubstr("source.state_file and status.socket are one file"));
  config_.status.socket = directory_.path("socket");
  EXPECT_THAT(names(), IsEmpty());
  std::filesystem::create_directory_symlink(directory_.name(), directory_.path("link"));
  add_log("log", directory_.path("link/one"));
  ASSERT_THAT(names(), ElementsAre("path_twice"));
  EXPECT_THAT(impact(), HasSubstr("source.state_file and the path of the connection log log"));
}

TEST_F(PathCheckTest, LetsFilesBeReadForTwoSettings) {
  config_.source.state_file = "";
  CollectorConfig one;
  one.tls.ca_file = one.tls.certificate = one.tls.key = directory_.path("all.pem");
  config_.collectors = {one, one};
  EXPECT_THAT(names(), IsEmpty());
  add_log("log", directory_.path("all.pem"));
  EXPECT_FALSE(names().empty()) << "which would be appended to";
}

TEST_F(PathCheckTest, KnowsThatEachNamespaceHasAFileOfItsOwn) {
  config_.namespaces = {{"red"}, {"blue"}};
  config_.source.state_file = directory_.path("state");
  EXPECT_THAT(names(), IsEmpty());
  config_.status.socket = directory_.path("state.blue");
  EXPECT_THAT(names(), ElementsAre("path_twice"));
}

}  // namespace
}  // namespace ctflow
