// SPDX-License-Identifier: GPL-2.0-or-later
// Reports when files may have been made or removed (inotify(7)).
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "event_loop/readiness.hpp"
#include "process/descriptor.hpp"

namespace ctflow {

/// Watches the directories of files. It only says that it is time to look: not every file system
/// reports changes (/proc does not), and a mount makes none, so its user looks from time to time as
/// well.
class NameWatch {
 public:
  NameWatch(boost::asio::io_context& io, const std::vector<std::string>& files);
  ~NameWatch() = default;

  NameWatch(const NameWatch&) = delete;
  NameWatch& operator=(const NameWatch&) = delete;
  NameWatch(NameWatch&&) = delete;
  NameWatch& operator=(NameWatch&&) = delete;

  /// Called when a name in one of the directories was made or removed.
  std::function<void()> changed;

  /// Begins to watch directories that were missing, or were replaced.
  void renew();

  void stop();

 private:
  void wait();
  void on_readable();

  std::set<std::string> directories_;
  Descriptor inotify_;  ///< not open: the system has none left
  std::optional<Readiness> readable_;
};

}  // namespace ctflow
