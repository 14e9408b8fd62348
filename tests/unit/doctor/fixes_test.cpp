// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/fixes.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include <fstream>
#include <thread>

#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

TEST(FixOfDirectory, IsToMakeOneThatIsMissing) {
  const test::TemporaryDirectory directory;
  const std::string missing = directory.path("no/where");
  EXPECT_EQ(fix_of_directory(missing), "install -d -m 0750 -o ctflowd " + missing);
}

TEST(FixOfDirectory, TakesNoDirectoryFromOthers) {
  const test::TemporaryDirectory directory;
  const std::string command = "install -d -m 0750 -o ctflowd " + directory.name();
  EXPECT_EQ(fix_of_directory(directory.name()), command);  // nothing is in it
  std::ofstream(directory.path("file")) << "x";
  EXPECT_EQ(fix_of_directory(directory.name()),
            "set a directory that only ctflowd uses; or, if this is one, " + command);
}

TEST(FixOfDirectory, IsAnotherOneWhereAFileIs) {
  const test::TemporaryDirectory directory;
  const std::string file = directory.path("file");
  std::ofstream(file) << "x";
  EXPECT_EQ(fix_of_directory(file), "set another directory: " + file + " is none");
  EXPECT_EQ(fix_of_directory(file + "/below"), "set another directory: " + file + " is none");
}

TEST(FixOfDirectory, IsToMountAReadOnlyFileSystemWritable) {
  const test::TemporaryDirectory directory;
  bool allowed = true;
  std::thread([&] {
    // In a mount namespace of this thread.
    const char* const place = directory.name().c_str();
    allowed = unshare(CLONE_NEWNS) == 0 &&
              mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
              mount("none", place, "tmpfs", MS_RDONLY, nullptr) == 0;
    if (!allowed) return;
    const std::string fix = "mount its file system writable, or set another directory";
    EXPECT_EQ(fix_of_directory(directory.name()), fix);
    EXPECT_EQ(fix_of_directory(directory.path("no/where")), fix);
    umount(place);
  }).join();
  if (!allowed) GTEST_SKIP() << "a file system of its own needs root";
}

TEST(FixOfWay, NamesTheSettingsThatMayBeWrong) {
  CollectorConfig collector;
  collector.address = "192.0.2.1";
  EXPECT_EQ(fix_of_way(collector), "ip route get 192.0.2.1");
  collector.source_address = "192.0.2.2";
  EXPECT_EQ(fix_of_way(collector), "ip route get 192.0.2.1; correct the route or source_address");
  collector.bind_device = "eth9";
  EXPECT_EQ(fix_of_way(collector),
            "ip route get 192.0.2.1; correct the route or bind_device and source_address");
  collector.source_address.clear();
  EXPECT_EQ(fix_of_way(collector), "ip route get 192.0.2.1; correct the route or bind_device");
}

}  // namespace
}  // namespace ctflow
