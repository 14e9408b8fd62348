// SPDX-License-Identifier: GPL-2.0-or-later
// A database of networks in MaxMind's format, as of one moment.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "ctflow/flow.hpp"

namespace ctflow {

/// What is looked for in a database. Names of users are in a file of their own kind.
enum class DatabaseContent : std::uint8_t { kAsNumber, kCountry, kUserName };

/// Works on a copy of the file in memory: a file that is cut while it is mapped would end the
/// process (SIGBUS). Without libmaxminddb (CTFLOWD_MAXMIND=OFF) none can be made.
class NetworkDatabase {
 public:
  /// Throws std::runtime_error where the file cannot be read, is damaged, or has no network with
  /// such content. The message begins with the file.
  NetworkDatabase(const std::string& file, DatabaseContent content);
  ~NetworkDatabase();

  NetworkDatabase(const NetworkDatabase&) = delete;
  NetworkDatabase& operator=(const NetworkDatabase&) = delete;
  NetworkDatabase(NetworkDatabase&&) = delete;
  NetworkDatabase& operator=(NetworkDatabase&&) = delete;

  /// Adds what the database says of an address; where it has nothing, `origin` stays as it is. An
  /// IPv4 address within an IPv6 one (IPv4-mapped, or behind the well-known prefix of RFC 6052) is
  /// looked up as what it is.
  void find(AddressFamily family, const IpAddress& address, NetworkOrigin& origin) const;

  [[nodiscard]] const std::string& type() const { return type_; }  ///< as its makers call it
  [[nodiscard]] std::chrono::sys_seconds built() const { return built_; }

 private:
  struct Opened;

  std::unique_ptr<const Opened> opened_;
  DatabaseContent content_;
  std::string type_;
  std::chrono::sys_seconds built_{};
};

}  // namespace ctflow
