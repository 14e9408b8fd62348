// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/spool/spool_files.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

using testing::UnorderedElementsAre;

TEST(SpoolFiles, FailAsTheSystemCallsDo) {
  test::TemporaryDirectory directory;
  SpoolFiles files;
  EXPECT_LT(files.open(directory.path("missing"), O_RDWR, 0), 0);
  EXPECT_EQ(errno, ENOENT);
  std::vector<std::string> names;
  EXPECT_LT(files.list(directory.path("missing"), names), 0);
  EXPECT_EQ(errno, ENOENT);
  EXPECT_LT(files.writable(directory.path("missing")), 0);
  EXPECT_EQ(files.writable(directory.name()), 0);
  EXPECT_EQ(files.list(directory.name(), names), 0);
  EXPECT_THAT(names, UnorderedElementsAre(".", ".."));
}

TEST(SpoolFiles, FollowNoLinkAndWaitForNothing) {
  test::TemporaryDirectory directory;
  SpoolFiles files;
  std::filesystem::create_symlink("/etc/passwd", directory.path("link"));
  EXPECT_LT(files.open(directory.path("link"), O_RDONLY, 0), 0);
  EXPECT_EQ(errno, ELOOP);
  ASSERT_EQ(mkfifo(directory.path("fifo").c_str(), 0600), 0);
  const int fifo = files.open(directory.path("fifo"), O_RDONLY, 0);  // would wait for a writer
  EXPECT_GE(fifo, 0);
  close(fifo);
}

TEST(SpoolFiles, ReadWhatTheyWrote) {
  test::TemporaryDirectory directory;
  SpoolFiles files;
  const int file = files.open(directory.path("one"), O_RDWR | O_CREAT | O_EXCL, 0640);
  ASSERT_GE(file, 0);
  EXPECT_EQ(files.write(file, "text", 4, 2), 4);
  std::string text(6, ' ');
  EXPECT_EQ(files.read(file, text.data(), 6, 0), 6);
  EXPECT_EQ(text.substr(2), "text");
  EXPECT_EQ(files.truncate(file, 3), 0);
  struct stat found {};
  EXPECT_EQ(files.status(file, found), 0);
  EXPECT_EQ(found.st_size, 3);
  EXPECT_EQ(found.st_mode & 0007U, 0U) << "what others may do";
  close(file);
  EXPECT_EQ(files.rename(directory.path("one"), directory.path("two")), 0);
  EXPECT_EQ(files.status(directory.path("two"), found), 0);
  EXPECT_EQ(files.remove(directory.path("two")), 0);
}

}  // namespace
}  // namespace ctflow
