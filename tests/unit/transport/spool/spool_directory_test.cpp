// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/spool/spool_directory.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "support/faulty_files.hpp"
#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

class SpoolDirectoryTest : public testing::Test {
 protected:
  void make(const std::string& name, const std::string& content = "12345") {
    std::ofstream(directory_.path(name)) << content;
  }

  test::FaultyFiles files_;
  test::TemporaryDirectory directory_;
  SpoolDirectory spool_{directory_.name(), "one", files_};
};

TEST_F(SpoolDirectoryTest, BelongsToOneAtATime) {
  EXPECT_FALSE(spool_.lock());
  EXPECT_TRUE(spool_.locked());
  SpoolDirectory second(directory_.name(), "one", files_);
  EXPECT_EQ(second.lock(), std::errc::resource_unavailable_try_again);
  SpoolDirectory other(directory_.name(), "one-1", files_);
  EXPECT_FALSE(other.lock()) << "another collector";
  spool_.unlock();
  EXPECT_FALSE(second.lock());
}

/// Removes the lock file after it was opened the first time, as an operator might, or a reload.
class FilesThatVanish : public SpoolFiles {
 public:
  int open(const std::string& path, int flags, mode_t mode) override {
    const int file = SpoolFiles::open(path, flags, mode);
    if (opened++ < vanishing) remove(path);
    return file;
  }
  int opened = 0;
  int vanishing = 1;
};

TEST_F(SpoolDirectoryTest, LocksTheFileThatHasTheName) {
  FilesThatVanish vanishing;
  SpoolDirectory first(directory_.name(), "one", vanishing);
  EXPECT_FALSE(first.lock());
  EXPECT_EQ(vanishing.opened, 2);
  EXPECT_TRUE(std::filesystem::exists(directory_.path("one.lock")));
  EXPECT_EQ(spool_.lock(), std::errc::resource_unavailable_try_again) << "the name is locked";
}

TEST_F(SpoolDirectoryTest, GivesUpWhereTheNameIsAlwaysAnothers) {
  FilesThatVanish vanishing;
  vanishing.vanishing = 1000;
  SpoolDirectory first(directory_.name(), "one", vanishing);
  EXPECT_EQ(first.lock(), std::errc::resource_unavailable_try_again);
  EXPECT_FALSE(first.locked());
}

TEST_F(SpoolDirectoryTest, LocksAnewWhereItsFileWasRemoved) {
  ASSERT_FALSE(spool_.lock());
  EXPECT_FALSE(spool_.keep_lock());
  std::filesystem::remove(directory_.path("one.lock"));
  EXPECT_FALSE(spool_.keep_lock());
  SpoolDirectory second(directory_.name(), "one", files_);
  EXPECT_EQ(second.lock(), std::errc::resource_unavailable_try_again);
  std::filesystem::remove(directory_.path("one.lock"));
  ASSERT_FALSE(second.lock()) << "it came before";
  EXPECT_EQ(spool_.keep_lock(), std::errc::resource_unavailable_try_again);
  EXPECT_TRUE(spool_.locked());
  second.unlock();
  EXPECT_FALSE(spool_.keep_lock());
  EXPECT_EQ(second.lock(), std::errc::resource_unavailable_try_again);
}

TEST_F(SpoolDirectoryTest, LeavesOutNumbersThatNoneCouldFollow) {
  make("one-ffffffffffffffff.spool");
  make("one-8000000000000000.spool");
  std::vector<SpoolDirectory::Entry> entries;
  EXPECT_FALSE(spool_.list(entries));
  EXPECT_TRUE(entries.empty());
  make("one-7fffffffffffffff.spool");
  EXPECT_FALSE(spool_.list(entries));
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].number, SpoolDirectory::kLastNumber);
}

TEST_F(SpoolDirectoryTest, ListsTheFilesOfItsCollectorAlone) {
  make("one-000000000000002a.spool");
  for (const char* other : {"one-1-000000000000002a.spool", "one-xyz.spool", "one.lock",
                            "one-000000000000002g.spool", "one-000000000000002a.damaged"}) {
    make(other);
  }
  std::filesystem::create_directory(directory_.path("one-000000000000002b.spool"));
  std::vector<SpoolDirectory::Entry> entries;
  EXPECT_FALSE(spool_.list(entries));
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].number, 42U);
  EXPECT_EQ(entries[0].size, 5U);
  EXPECT_EQ(spool_.path_of(42), directory_.path("one-000000000000002a.spool"));
}

TEST_F(SpoolDirectoryTest, TakesNoErrorForEmptiness) {
  make("one-000000000000002a.spool");
  std::vector<SpoolDirectory::Entry> entries;
  files_.on_list = EIO;
  EXPECT_EQ(spool_.list(entries), std::errc::io_error);
  SpoolDirectory missing(directory_.path("missing"), "one", files_);
  EXPECT_EQ(missing.list(entries), std::errc::io_error);
  files_.recover();
  EXPECT_EQ(missing.list(entries), std::errc::no_such_file_or_directory);
  EXPECT_EQ(missing.lock(), std::errc::no_such_file_or_directory);
  EXPECT_EQ(missing.probe(), std::errc::no_such_file_or_directory);
  EXPECT_TRUE(entries.empty());
}

}  // namespace
}  // namespace ctflow
