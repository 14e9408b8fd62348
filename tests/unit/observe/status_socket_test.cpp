// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/status_socket.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>

namespace ctflow {
namespace {

namespace fs = std::filesystem;
using boost::asio::local::stream_protocol;

class StatusSocketTest : public testing::Test {
 protected:
  StatusSocketTest() {
    std::string name = testing::TempDir() + "status-XXXXXX";
    directory_ = mkdtemp(name.data());
    path_ = directory_ / "made" / "s";
  }
  void TearDown() override { fs::remove_all(directory_); }

  std::string error_of(const fs::path& path) {
    try {
      const StatusSocket socket(io_, path);
      return "no error";
    } catch (const std::runtime_error& error) {
      return error.what();
    }
  }

  boost::asio::io_context io_;
  fs::path directory_;
  fs::path path_;
};

TEST_F(StatusSocketTest, ListensForOwnerAndGroupInADirectoryThatItMakes) {
  {
    const StatusSocket socket(io_, path_);
    struct stat file {};
    ASSERT_EQ(lstat(path_.c_str(), &file), 0);
    EXPECT_TRUE(S_ISSOCK(file.st_mode));
    EXPECT_EQ(file.st_mode & 0777U, 0660U);
    stream_protocol::socket client(io_);
    EXPECT_NO_THROW(client.connect(path_.string()));
  }
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(StatusSocketTest, TakesThePlaceOfADeadProcess) {
  fs::create_directory(path_.parent_path());
  { const stream_protocol::acceptor dead(io_, path_.string()); }
  ASSERT_TRUE(fs::exists(path_));
  const StatusSocket socket(io_, path_);
  stream_protocol::socket client(io_);
  EXPECT_NO_THROW(client.connect(path_.string()));
}

TEST_F(StatusSocketTest, RefusesThePlaceOfALivingProcess) {
  const StatusSocket living(io_, path_);
  EXPECT_THAT(error_of(path_), testing::HasSubstr("another ctflowd listens there"));
  EXPECT_TRUE(fs::exists(path_));
}

TEST_F(StatusSocketTest, LeavesAFileThatIsNoSocket) {
  fs::create_directory(path_.parent_path());
  std::ofstream(path_) << "precious";
  EXPECT_THAT(error_of(path_), testing::HasSubstr("not a socket"));
  EXPECT_EQ(fs::file_size(path_), 8U);
}

TEST_F(StatusSocketTest, LeavesASocketThatTookItsPlace) {
  std::optional<StatusSocket> first(std::in_place, io_, path_);
  fs::remove(path_);
  const StatusSocket second(io_, path_);
  first.reset();
  EXPECT_TRUE(fs::exists(path_));
}

TEST_F(StatusSocketTest, SaysWhyItCannotListen) {
  EXPECT_THAT(error_of("/" + std::string(200, 'a')), testing::HasSubstr("longer than 107"));
  EXPECT_THAT(error_of(directory_ / "no" / "such" / "s"), testing::HasSubstr("cannot create "));
}

}  // namespace
}  // namespace ctflow
