// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/status_socket.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "text/errno_text.hpp"

namespace ctflow {
namespace {

using LocalStream = boost::asio::local::stream_protocol;
constexpr mode_t kOwnerAndGroup = 0660;

[[noreturn]] void fail(const std::string& path, const std::string& why) {
  throw std::runtime_error(fmt::format("status.socket: {}: {}", path, why));
}

/// Removes a socket that no process listens at; fails for anything else.
void remove_stale(boost::asio::io_context& io, const std::string& path) {
  struct stat file {};
  if (lstat(path.c_str(), &file) != 0) return;
  if (!S_ISSOCK(file.st_mode)) fail(path, "a file that is not a socket exists there; remove it");
  LocalStream::socket probe(io);
  boost::system::error_code error;
  probe.open();
  probe.non_blocking(true);  // a full queue: a process listens
  probe.connect(path, error);
  if (error != boost::asio::error::connection_refused) {
    fail(path,
         "another ctflowd listens there; stop it, or give this one a status.socket of its own");
  }
  if (unlink(path.c_str()) != 0) {
    fail(path, "left by a process that has ended, cannot be removed: " + text::errno_text());
  }
}

}  // namespace

StatusSocket::StatusSocket(boost::asio::io_context& io, std::string path)
    : path_(std::move(path)), acceptor_(io) {
  if (path_.size() >= sizeof(sockaddr_un::sun_path)) {
    fail(path_, fmt::format("longer than {} characters, the limit of a socket's name",
                            sizeof(sockaddr_un::sun_path) - 1));
  }
  const std::string directory = std::filesystem::path(path_).parent_path();
  if (mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) {
    fail(path_, "cannot create " + directory + ": " + text::errno_text());
  }
  remove_stale(io, path_);
  boost::system::error_code error;
  acceptor_.open(LocalStream(), error);
  if (error) fail(path_, error.message());
  fchmod(acceptor_.native_handle(), kOwnerAndGroup);  // bind() takes it, less the umask
  acceptor_.bind(path_, error);
  if (error) fail(path_, error.message());
  chmod(path_.c_str(), kOwnerAndGroup);
  struct stat file {};
  if (lstat(path_.c_str(), &file) == 0) {
    device_ = file.st_dev;
    inode_ = file.st_ino;
  }
  acceptor_.listen(boost::asio::socket_base::max_listen_connections, error);
  if (error) fail(path_, error.message());
}

StatusSocket::~StatusSocket() {
  struct stat file {};
  if (inode_ == 0 || lstat(path_.c_str(), &file) != 0) return;
  if (file.st_dev == device_ && file.st_ino == inode_) unlink(path_.c_str());
}

}  // namespace ctflow
