// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/origin/followed_database.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "support/source_directory.hpp"
#include "support/temporary_directory.hpp"

#ifdef CTFLOWD_MAXMIND
namespace ctflow {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

class FollowedDatabaseTest : public testing::Test {
 protected:
  void SetUp() override { write("as"); }

  static std::string made(const std::string& name) {
    return test::source_directory() + "/tests/data/mmdb/" + name + ".mmdb";
  }
  /// Into the file itself, as `cp` does.
  void write(const std::string& name) const {
    std::ofstream(file_, std::ios::binary) << std::ifstream(made(name), std::ios::binary).rdbuf();
  }
  /// As geoipupdate does.
  void rename(const std::string& name) const {
    std::filesystem::copy_file(made(name), file_ + ".new");
    std::filesystem::rename(file_ + ".new", file_);
  }
  std::unique_ptr<FollowedDatabase> follow() {
    return std::make_unique<FollowedDatabase>(io_, file_, DatabaseContent::kAsNumber, "as_database",
                                              FirstRead::kAtOnce, 10ms);
  }
  static std::uint32_t as(const FollowedDatabase& database) {
    NetworkOrigin origin;
    database.find(AddressFamily::kIpv4, IpAddress{{192, 0, 2, 1}}, origin);
    return origin.as_number;
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
  void run_for(std::chrono::milliseconds time) { io_.run_for(time); }

  boost::asio::io_context io_;
  test::TemporaryDirectory directory_;
  std::string file_ = directory_.path("as.mmdb");
};

TEST_F(FollowedDatabaseTest, IsReadAtOnceAndNotAgainWhileItIsTheSame) {
  const auto database = follow();
  EXPECT_EQ(as(*database), 64496U);
  EXPECT_EQ(database->status().type, "GeoLite2-ASN");
  EXPECT_EQ(database->status().built.time_since_epoch().count(), 1'700'000'000);
  run_for(100ms);
  EXPECT_EQ(database->status().loads, 1U);
  EXPECT_EQ(database->status().failures, 0U);
}

TEST_F(FollowedDatabaseTest, TakesAFileThatTookItsName) {
  const auto database = follow();
  rename("as-newer");
  ASSERT_TRUE(run_until([&] { return as(*database) == 64500U; }));
  EXPECT_EQ(database->status().loads, 2U);
  EXPECT_EQ(database->status().built.time_since_epoch().count(), 1'800'000'000);
}

TEST_F(FollowedDatabaseTest, TakesWhatIsWrittenOverIt) {
  const auto database = follow();
  write("as-newer");
  ASSERT_TRUE(run_until([&] { return as(*database) == 64500U; }));
}

TEST_F(FollowedDatabaseTest, KeepsTheOneBeforeWhileTheFileCannotBeUsed) {
  const auto database = follow();
  std::ofstream(file_, std::ios::trunc).close();
  ASSERT_TRUE(run_until([&] { return database->status().failures == 1U; }));
  EXPECT_EQ(as(*database), 64496U);
  EXPECT_THAT(database->status().error, HasSubstr(file_ + ": expected a database"));
  rename("country");
  ASSERT_TRUE(run_until([&] { return database->status().failures == 2U; }));
  EXPECT_THAT(database->status().error, HasSubstr("GeoLite2-Country"));
  std::filesystem::remove(file_);
  ASSERT_TRUE(run_until([&] { return database->status().failures == 3U; }));
  EXPECT_EQ(as(*database), 64496U);
  run_for(100ms);
  EXPECT_EQ(database->status().failures, 3U);  // once for each change
  rename("as-newer");
  ASSERT_TRUE(run_until([&] { return as(*database) == 64500U; }));
  EXPECT_EQ(database->status().error, "");
  EXPECT_EQ(database->status().loads, 2U);
}

TEST_F(FollowedDatabaseTest, WaitsForAFileThatIsNotThere) {
  std::filesystem::remove(file_);
  const auto database = follow();
  EXPECT_EQ(as(*database), 0U);
  EXPECT_EQ(database->status().type, "");
  EXPECT_THAT(database->status().error, HasSubstr("No such file"));
  rename("as");
  ASSERT_TRUE(run_until([&] { return as(*database) == 64496U; }));
}

TEST_F(FollowedDatabaseTest, EndsWhileItReads) {
  for (int i = 0; i < 20; ++i) {
    auto database = follow();
    rename(i % 2 == 0 ? "as-newer" : "as");
    io_.run_for(std::chrono::milliseconds(5 + i));
    database.reset();
  }
  io_.run_for(50ms);  // nothing of them is left in the loop
}

}  // namespace
}  // namespace ctflow
#endif
