// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/file_watch.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

namespace fs = std::filesystem;

struct stat status_of(const std::string& file) {
  struct stat found {};
  EXPECT_EQ(stat(file.c_str(), &found), 0);
  return found;
}

bool same(const timespec& one, const timespec& other) {
  return one.tv_sec == other.tv_sec && one.tv_nsec == other.tv_nsec;
}

class FileWatchTest : public testing::Test {
 protected:
  FileWatchTest() { write("one"); }

  void write(const std::string& text) const { std::ofstream(name_) << text; }
  /// Until the clock of the file system has gone on, some milliseconds.
  void rewrite(const std::string& text) const {
    const struct stat before = status_of(name_);
    do {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      write(text);
    } while (same(status_of(name_).st_mtim, before.st_mtim));
  }
  /// As `touch -d` does.
  static void set_time(const std::string& file, const timespec& time) {
    const timespec both[2] = {time, time};
    EXPECT_EQ(utimensat(AT_FDCWD, file.c_str(), both, 0), 0);
  }

  test::TemporaryDirectory directory_;
  std::string name_ = directory_.path("file");
  FileWatch watch_{name_};
};

TEST_F(FileWatchTest, HasChangedTheFirstTimeOnly) {
  EXPECT_TRUE(watch_.changed());
  EXPECT_FALSE(watch_.changed());
  EXPECT_FALSE(watch_.changed());
}

TEST_F(FileWatchTest, HasChangedOnceMoreAfterItIsForgotten) {
  watch_.changed();
  watch_.forget();
  EXPECT_TRUE(watch_.changed());
  EXPECT_FALSE(watch_.changed());
}

TEST_F(FileWatchTest, SeesAnotherFileOfTheSameSizeAndTime) {
  watch_.changed();
  const std::string other = directory_.path("other");
  std::ofstream(other) << "two";
  set_time(other, status_of(name_).st_mtim);
  fs::rename(other, name_);
  EXPECT_TRUE(watch_.changed());
  EXPECT_FALSE(watch_.changed());
}

TEST_F(FileWatchTest, SeesWhatIsWrittenOverItWithinTheSameSecond) {
  bool tested = false;
  while (!tested) {
    rewrite("one");
    watch_.changed();
    const struct stat before = status_of(name_);
    rewrite("two");
    tested = status_of(name_).st_mtim.tv_sec == before.st_mtim.tv_sec;
    EXPECT_EQ(status_of(name_).st_size, before.st_size);
    EXPECT_TRUE(watch_.changed());
    EXPECT_FALSE(watch_.changed());
  }
}

TEST_F(FileWatchTest, SeesWhatIsWrittenOverItAndGivenItsTimeAgain) {
  watch_.changed();
  const struct stat before = status_of(name_);
  rewrite("two");
  set_time(name_, before.st_mtim);
  const struct stat after = status_of(name_);
  EXPECT_EQ(after.st_ino, before.st_ino);
  EXPECT_EQ(after.st_size, before.st_size);
  EXPECT_TRUE(same(after.st_mtim, before.st_mtim));
  EXPECT_TRUE(watch_.changed());
  EXPECT_FALSE(watch_.changed());
}

TEST_F(FileWatchTest, SeesThatItIsRemovedAndMadeAgain) {
  watch_.changed();
  fs::remove(name_);
  EXPECT_TRUE(watch_.changed());
  EXPECT_FALSE(watch_.changed()) << "it is still not there";
  write("one");
  EXPECT_TRUE(watch_.changed());
  EXPECT_FALSE(watch_.changed());
}

TEST_F(FileWatchTest, SeesThatItCannotBeLookedAtForAnotherReason) {
  watch_.changed();
  fs::remove(name_);
  fs::create_symlink("file", name_);  // to itself
  EXPECT_TRUE(watch_.changed());
  EXPECT_FALSE(watch_.changed());
  fs::remove(name_);
  EXPECT_TRUE(watch_.changed());
  EXPECT_FALSE(watch_.changed());
}

TEST_F(FileWatchTest, SeesThatItMayBeReadAgain) {
  fs::permissions(name_, fs::perms::none);
  watch_.changed();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  fs::permissions(name_, fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_TRUE(watch_.changed());
  EXPECT_FALSE(watch_.changed());
}

}  // namespace
}  // namespace ctflow
