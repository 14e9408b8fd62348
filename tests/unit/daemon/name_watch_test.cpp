// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/name_watch.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

namespace ctflow {
namespace {

namespace fs = std::filesystem;

class NameWatchTest : public testing::Test {
 protected:
  NameWatchTest() { fs::remove_all(directory_); }
  void TearDown() override { fs::remove_all(directory_); }

  std::string file(const std::string& name) const { return directory_ + "/" + name; }
  static void make(const std::string& name) { std::ofstream(name).close(); }

  /// Whether something was said since the last time.
  bool said() {
    const int before = calls_;
    io_.restart();
    io_.run_for(std::chrono::milliseconds(50));
    return calls_ > before;
  }

  void count(NameWatch& watch) {
    watch.changed = [this] { ++calls_; };
  }

  const std::string directory_ =
      testing::TempDir() + "/name_watch_test." + std::to_string(getpid());
  boost::asio::io_context io_;
  int calls_ = 0;
};

TEST_F(NameWatchTest, SaysThatANameCameOrWent) {
  fs::create_directory(directory_);
  NameWatch watch(io_, {file("red")});
  count(watch);
  EXPECT_FALSE(said());
  make(file("red"));
  EXPECT_TRUE(said());
  fs::rename(file("red"), file("blue"));
  EXPECT_TRUE(said());
  fs::remove(file("blue"));
  EXPECT_TRUE(said());
  EXPECT_FALSE(said());
}

TEST_F(NameWatchTest, BeginsWithADirectoryThatIsNotThereYet) {
  NameWatch watch(io_, {file("red")});
  count(watch);
  fs::create_directory(directory_);
  watch.renew();
  make(file("red"));
  EXPECT_TRUE(said());
}

TEST_F(NameWatchTest, GoesOnWithADirectoryThatWasMadeAnew) {
  fs::create_directory(directory_);
  NameWatch watch(io_, {file("red"), file("blue"), "/nonexistent/folder/green"});
  count(watch);
  fs::remove_all(directory_);
  fs::create_directory(directory_);
  watch.renew();
  said();
  make(file("red"));
  EXPECT_TRUE(said());
}

TEST_F(NameWatchTest, SaysNothingOnceStoppedOrGone) {
  fs::create_directory(directory_);
  {
    NameWatch gone(io_, {file("red")});
    count(gone);
    make(file("red"));
  }
  EXPECT_FALSE(said());
  NameWatch watch(io_, {file("red")});
  count(watch);
  fs::remove(file("red"));
  watch.stop();
  EXPECT_FALSE(said());
}

}  // namespace
}  // namespace ctflow
