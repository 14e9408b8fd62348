// SPDX-License-Identifier: GPL-2.0-or-later
// A PostgreSQL server by libpq, whose socket is waited for in our event loop.
#pragma once

#include <libpq-fe.h>

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "event_loop/borrowed_socket.hpp"
#include "event_loop/timer.hpp"
#include "postgresql/connection_text.hpp"
#include "postgresql/server.hpp"
#include "transport/address/lookup.hpp"

namespace ctflow::postgresql {

/// The host's name is looked up by us: libpq would wait for the name service.
class LibpqServer : public Server {
 public:
  /// `connection`: one that fault_of_connection() takes. `io` must outlive this.
  LibpqServer(boost::asio::io_context& io, const std::string& connection);
  ~LibpqServer() override;

  LibpqServer(const LibpqServer&) = delete;
  LibpqServer& operator=(const LibpqServer&) = delete;
  LibpqServer(LibpqServer&&) = delete;
  LibpqServer& operator=(LibpqServer&&) = delete;

  void connect(ServerUser& user) override;
  void query(const std::string& statements) override;
  void copy(const std::string& statement, std::vector<std::string_view> data) override;
  void close() override;
  void alarm_at(MonoTime when, ServerUser& user) override;
  [[nodiscard]] std::string peer() const override { return peer_; }
  [[nodiscard]] bool lookup_running() const override { return lookup_.running(); }

 private:
  enum class Doing : std::uint8_t { kNothing, kConnecting, kCommand };

  void take_addresses(const Lookup::Error& error, const Lookup::Addresses& found);
  void begin_connection(const std::string& addresses);
  void go_on_connecting();
  void wait_for_socket(bool read, bool write);
  void ready();
  bool send_data();
  void take_results();
  void take_result(PGresult* result);
  void limit(std::chrono::seconds patience);
  /// In the next turn of the event loop.
  void break_soon(FailureKind kind, const std::string& reason);
  void break_off(FailureKind kind, const std::string& reason);

  Parameters parameters_;
  std::string peer_;
  ServerUser* user_ = nullptr;
  Lookup lookup_;
  std::size_t first_ = 0;  ///< which of the name's addresses is tried first
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_{nullptr, PQfinish};
  /// libpq may close its own while it connects.
  BorrowedSocket socket_;
  Doing doing_ = Doing::kNothing;
  Answer answer_;
  std::vector<std::string_view> data_;
  std::size_t next_piece_ = 0;
  bool copying_ = false;  ///< the server takes data
  Timer deadline_;
  Timer later_;
  Timer alarm_;
};

}  // namespace ctflow::postgresql
