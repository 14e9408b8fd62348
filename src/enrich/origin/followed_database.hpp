// SPDX-License-Identifier: GPL-2.0-or-later
// A database that is read again when its file changes.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "ctflow/database_status.hpp"
#include "enrich/origin/followed_file.hpp"
#include "enrich/origin/network_database.hpp"

namespace ctflow {

class FollowedDatabase {
 public:
  using Alone = FollowedFile<NetworkDatabase>::Alone;

  /// `setting`: of `enrich:`, for messages.
  FollowedDatabase(boost::asio::io_context& io, std::string file, DatabaseContent content,
                   const char* setting, FirstRead first = FirstRead::kAtOnce,
                   std::chrono::milliseconds interval = FollowedFile<NetworkDatabase>::kInterval,
                   Alone alone = {})
      : file_(
            io, std::move(file), setting,
            [content](const std::string& name) {
              return std::make_unique<const NetworkDatabase>(name, content);
            },
            interval, first, std::move(alone)) {}

  /// As NetworkDatabase::find().
  void find(AddressFamily family, const IpAddress& address, NetworkOrigin& origin) const {
    if (const NetworkDatabase* const one = file_.content()) one->find(family, address, origin);
  }

  [[nodiscard]] bool was_read() const { return file_.was_read(); }
  [[nodiscard]] const DatabaseStatus& status() const { return file_.status(); }

 private:
  FollowedFile<NetworkDatabase> file_;
};

}  // namespace ctflow
