// SPDX-License-Identifier: GPL-2.0-or-later
#include "process/regular_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <stdexcept>
#include <system_error>

#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

std::string why_not(const std::string& file) {
  try {
    read_regular_file(file, 1);
    return "";
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

TEST(RegularFile, IsReadAsAWholeWithItsTime) {
  const test::TemporaryDirectory directory;
  const std::string name = directory.path("file");
  const std::string text(100'000, 'x');
  std::ofstream(name) << text;
  std::filesystem::last_write_time(name, std::chrono::file_clock::from_sys(std::chrono::sys_seconds(
                                             std::chrono::seconds(1'700'000'000))));
  const FileText found = read_regular_file(name, text.size());
  EXPECT_EQ(found.text, text);
  EXPECT_EQ(found.written.time_since_epoch().count(), 1'700'000'000);
}

TEST(RegularFile, IsSeenToBeTooLarge) {
  const test::TemporaryDirectory directory;
  const std::string name = directory.path("file");
  std::ofstream(name).close();
  std::filesystem::resize_file(name, 10'000'000);
  const std::size_t length = read_regular_file(name, 10'000).text.size();
  EXPECT_GT(length, 10'000U);
  EXPECT_LT(length, 100'000U);
}

TEST(RegularFile, SaysWhyItIsNotRead) {
  const test::TemporaryDirectory directory;
  EXPECT_EQ(why_not(directory.path("none")), "No such file or directory");
  EXPECT_EQ(why_not(directory.name()), "Is a directory");
  EXPECT_EQ(why_not("/dev/zero"), "expected a file, got a pipe, socket or device");
  const std::string pipe = directory.path("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(why_not(pipe), "expected a file, got a pipe, socket or device");
  try {
    read_regular_file(directory.path("none"), 1);
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
  }
}

}  // namespace
}  // namespace ctflow
