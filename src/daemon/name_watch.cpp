// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/name_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <filesystem>

namespace ctflow {

NameWatch::NameWatch(boost::asio::io_context& io, const std::vector<std::string>& files)
    : inotify_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  for (const std::string& file : files) {
    directories_.insert(std::filesystem::path(file).parent_path().string());
  }
  if (!inotify_.is_open()) return;
  readable_.emplace(io, inotify_.number());
  renew();
  wait();
}

void NameWatch::renew() {
  if (!inotify_.is_open()) return;
  for (const std::string& directory : directories_) {
    // One that is watched already stays as it is; one that is not there is tried again later.
    inotify_add_watch(inotify_.number(), directory.c_str(),
                      IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_ONLYDIR);
  }
}

void NameWatch::stop() {
  if (readable_) readable_->cancel();
}

void NameWatch::wait() {
  readable_->wait([this] { on_readable(); });
}

void NameWatch::on_readable() {
  std::array<char, 4096> events{};  // their content does not matter
  while (read(inotify_.number(), events.data(), events.size()) > 0) {
  }
  wait();
  if (changed) changed();
}

}  // namespace ctflow
