// SPDX-License-Identifier: GPL-2.0-or-later
// The seam before libpq: one connection to a server, one command at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ctflow/clock.hpp"
#include "ctflow/transport_status.hpp"

namespace ctflow::postgresql {

/// What the server said to a command, of several statements the last or the one that failed.
struct Answer {
  bool ok = false;
  std::string tag{};                ///< "COMMIT", "INSERT 0 1", …
  std::vector<std::string> rows{};  ///< the first column
  std::string sqlstate{};           ///< of an error, five characters
  std::string message{};            ///< of an error
};

/// Who is called by a Server, from the event loop.
class ServerUser {
 public:
  ServerUser() = default;
  virtual ~ServerUser() = default;

  ServerUser(const ServerUser&) = delete;
  ServerUser& operator=(const ServerUser&) = delete;
  ServerUser(ServerUser&&) = delete;
  ServerUser& operator=(ServerUser&&) = delete;

  virtual void on_connected() = 0;
  virtual void on_answer(const Answer& answer) = 0;
  /// The connection could not be made or is lost; it is closed. Whether the server carried out what
  /// it had not answered is not known.
  virtual void on_broken(FailureKind kind, const std::string& reason) = 0;
  virtual void on_alarm() = 0;
};

/// Nothing blocks, and no function calls its user before it has returned.
class Server {
 public:
  Server() = default;
  virtual ~Server() = default;

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  Server(Server&&) = delete;
  Server& operator=(Server&&) = delete;

  /// Ends with on_connected() or on_broken(), as query() and copy() do with on_answer() or
  /// on_broken().
  virtual void connect(ServerUser& user) = 0;
  virtual void query(const std::string& statements) = 0;
  /// COPY … FROM STDIN with this data, one piece after the other. Both must stay as they are until
  /// the answer.
  virtual void copy(const std::string& statement, std::vector<std::string_view> data) = 0;
  /// Without an answer to anything.
  virtual void close() = 0;

  /// One call of on_alarm() at that time, in place of an earlier one.
  virtual void alarm_at(MonoTime when, ServerUser& user) = 0;

  /// ADDRESS:PORT or the socket's directory; before there is a connection what is configured.
  [[nodiscard]] virtual std::string peer() const = 0;
  [[nodiscard]] virtual bool lookup_running() const { return false; }
};

}  // namespace ctflow::postgresql
