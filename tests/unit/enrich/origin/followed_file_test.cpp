// SPDX-License-Identifier: GPL-2.0-or-later
// followed_database_test.cpp has what databases and other files have in common.
#include "enrich/origin/followed_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "enrich/users/user_names.hpp"
#include "support/logged_lines.hpp"
#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

using namespace std::chrono_literals;

class FollowedFileTest : public testing::Test {
 protected:
  void write(const std::string& lines) const { std::ofstream(name_) << lines; }

  [[nodiscard]] std::string user() const {
    Flow flow;
    flow.mark = 1;
    const UserNames* const names = file_->content();
    return names == nullptr ? "none" : std::string(names->find(flow));
  }

  void follow() {
    file_ = std::make_unique<FollowedFile<UserNames>>(
        io_, name_, "user_names",
        [](const std::string& name) { return std::make_unique<const UserNames>(name); }, 10ms,
        FirstRead::kAtOnce, alone_);
  }

  /// False: it did not come to that.
  template <typename Condition>
  bool run_until(Condition condition) {
    const auto latest = std::chrono::steady_clock::now() + 10s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > latest) return false;
      io_.run_one_for(100ms);
    }
    return true;
  }

  boost::asio::io_context io_;
  test::TemporaryDirectory directory_;
  std::string name_ = directory_.path("users");
  FollowedFile<UserNames>::Alone alone_;
  std::unique_ptr<FollowedFile<UserNames>> file_;
};

TEST_F(FollowedFileTest, IsReadWhenItIsThereAndWhenItChanges) {
  follow();
  EXPECT_EQ(user(), "none");
  EXPECT_EQ(file_->status().failures, 1U);
  write("mark=1 anna\n");
  ASSERT_TRUE(run_until([&] { return user() == "anna"; }));
  EXPECT_EQ(file_->status().type, "names of users");
  EXPECT_GT(file_->status().built.time_since_epoch().count(), 1'700'000'000);
  write("mark=1 ben and others\n");
  ASSERT_TRUE(run_until([&] { return user() == "ben and others"; }));
}

TEST_F(FollowedFileTest, WithOneBadLineLeavesWhatItSaidBefore) {
  write("mark=1 anna\n");
  follow();
  write("mark=1 ben\nmark=two carla\n");
  ASSERT_TRUE(run_until([&] { return file_->status().failures == 1U; }));
  EXPECT_EQ(user(), "anna");
  EXPECT_EQ(file_->status().error, name_ +
                                       ":2: expected mark=N with N from 1 to 4294967295, got "
                                       "\"two\"");
  io_.run_for(100ms);
  EXPECT_EQ(file_->status().failures, 1U) << "once for each change";
  write("mark=1 ben\nmark=2 carla\n");
  ASSERT_TRUE(run_until([&] { return user() == "ben"; }));
  EXPECT_EQ(file_->status().error, "");
}

TEST_F(FollowedFileTest, IsReadAgainWhenItIsMadeAgainAndAfterItCouldNotBeRead) {
  const test::LoggedLines log;
  write("mark=1 anna\n");
  follow();
  std::filesystem::remove(name_);
  ASSERT_TRUE(run_until([&] { return file_->status().failures == 1U; }));
  write("mark=1 ben\n");
  ASSERT_TRUE(run_until([&] { return user() == "ben"; }));
  std::filesystem::remove(name_);
  ASSERT_TRUE(run_until([&] { return file_->status().failures == 2U; }));
  std::filesystem::create_directory(name_);
  ASSERT_TRUE(run_until([&] { return file_->status().failures == 3U; }));
  io_.run_for(100ms);
  EXPECT_EQ(user(), "ben");
  EXPECT_EQ(file_->status().error, name_ + ": Is a directory");
  EXPECT_EQ(log.count("database_unusable"), 3U) << "once for each change";
  std::filesystem::remove(name_);
  ASSERT_TRUE(run_until([&] { return file_->status().failures == 4U; }));
  write("mark=1 eva\n");
  ASSERT_TRUE(run_until([&] { return user() == "eva"; }));
}

TEST_F(FollowedFileTest, IsPutIntoUseWhereNobodyUsesWhatItSaidBefore) {
  int asked = 0;
  int used = 0;
  alone_ = [&](const std::function<void()>& work) {
    ++asked;
    if (asked < 3) throw std::runtime_error("the thread did not answer");
    EXPECT_EQ(user(), "anna");
    work();
    EXPECT_EQ(user(), "ben");
    ++used;
  };
  write("mark=1 anna\n");
  follow();
  EXPECT_EQ(user(), "anna");
  EXPECT_EQ(asked, 0) << "there was nobody yet";
  write("mark=1 ben\n");
  ASSERT_TRUE(run_until([&] { return asked == 2; }));
  EXPECT_EQ(user(), "anna");
  EXPECT_EQ(file_->status().error, "the thread did not answer");
  ASSERT_TRUE(run_until([&] { return used == 1; })) << "though the file did not change again";
  EXPECT_EQ(user(), "ben");
  EXPECT_EQ(file_->status().error, "");
}

}  // namespace
}  // namespace ctflow
