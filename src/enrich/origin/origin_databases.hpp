// SPDX-License-Identifier: GPL-2.0-or-later
// The databases of a configuration.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "ctflow/database_status.hpp"
#include "ctflow/flow.hpp"
#include "enrich/origin/followed_database.hpp"
#include "enrich/origin/followed_file.hpp"
#include "enrich/users/user_names.hpp"

namespace ctflow {

struct Config;

/// Whether an output asks for AS numbers, or for countries.
bool asks_as_numbers(const Config& config);
bool asks_countries(const Config& config);

/// Whether a connection log asks for what there is of both.
bool asks_origins(const Config& config);

/// Whether an output asks for names of users.
bool asks_user_names(const Config& config);

/// A database that is used.
struct DatabaseChoice {
  const char* setting;  ///< of `enrich:`
  std::string file;
  DatabaseContent content;

  friend bool operator==(const DatabaseChoice& left, const DatabaseChoice& right) {
    return left.content == right.content && left.file == right.file;
  }
};

/// Those that an output asks for.
std::vector<DatabaseChoice> databases_of(const Config& config);

class OriginDatabases {
 public:
  /// A file that cannot be used is logged, and used when it can be. What `before` has is taken from
  /// there; what is new is read in threads then. Null: all are read at once. `alone`: of
  /// FollowedFile; empty: only the event loop calls find().
  OriginDatabases(boost::asio::io_context& io, const std::vector<DatabaseChoice>& choices,
                  const OriginDatabases* before = nullptr,
                  const FollowedDatabase::Alone& alone = {});

  /// True until all files were read, also where that failed.
  [[nodiscard]] bool waiting() const;

  /// None of networks is asked for.
  [[nodiscard]] bool empty() const { return databases_.empty(); }

  /// Null: they are not asked for, or none can be used yet. Until this
  /// handler ends.
  [[nodiscard]] const UserNames* user_names() const {
    return user_names_ ? user_names_->content() : nullptr;
  }

  /// What they say of an address.
  [[nodiscard]] NetworkOrigin find(AddressFamily family, const IpAddress& address) const {
    NetworkOrigin origin;
    for (const Database& one : databases_) one.followed->find(family, address, origin);
    return origin;
  }

  [[nodiscard]] std::vector<DatabaseStatus> status() const;

 private:
  struct Database {
    DatabaseChoice choice;
    std::shared_ptr<const FollowedDatabase> followed;  ///< with the configuration before
  };

  [[nodiscard]] std::shared_ptr<const FollowedDatabase> find(const DatabaseChoice& choice) const;

  std::vector<Database> databases_;
  /// Null: they are not asked for.
  std::shared_ptr<const FollowedFile<UserNames>> user_names_;
};

}  // namespace ctflow
