// SPDX-License-Identifier: GPL-2.0-or-later
// A database that is read again when its file changes.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <string>

#include "ctflow/database_status.hpp"
#include "enrich/origin/network_database.hpp"
#include "event_loop/timer.hpp"

namespace ctflow {

/// Reads the file at once, and then, in a thread, whenever it is another file or has changed: the
/// disk must not delay flows. While a file cannot be used the one before stays in use, and what is
/// wrong is logged once for each change.
class FollowedDatabase {
 public:
  static constexpr std::chrono::seconds kInterval{10};

  /// `setting`: of `enrich:`, for messages.
  FollowedDatabase(boost::asio::io_context& io, std::string file, DatabaseContent content,
                   const char* setting, std::chrono::milliseconds interval = kInterval);

  /// As NetworkDatabase::find().
  void find(AddressFamily family, const IpAddress& address, NetworkOrigin& origin) const {
    if (database_) database_->find(family, address, origin);
  }

  [[nodiscard]] const DatabaseStatus& status() const { return status_; }

 private:
  /// What changes when a file does.
  using Mark = std::array<std::int64_t, 7>;
  struct Loaded {
    std::unique_ptr<const NetworkDatabase> database{};  ///< null: see error
    std::string error{};
  };

  static Mark mark_of(const std::string& file);
  static Loaded load(const std::string& file, DatabaseContent content);
  void look();
  void look_later();
  void await();
  void take(Loaded loaded);

  const DatabaseContent content_;
  const std::chrono::milliseconds interval_;
  DatabaseStatus status_;
  Mark mark_{};
  std::unique_ptr<const NetworkDatabase> database_;  ///< null: none was usable yet
  Timer timer_;
  std::future<Loaded> loading_;  ///< its destructor waits for the thread
};

}  // namespace ctflow
