// SPDX-License-Identifier: GPL-2.0-or-later
// Tells how a running ctflowd fares, to whoever asks: /metrics and /status.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <optional>

#include "ctflow/config.hpp"
#include "ctflow/status.hpp"
#include "event_loop/timer.hpp"
#include "log/log.hpp"
#include "observe/http_server.hpp"
#include "observe/status_socket.hpp"
#include "observe/trends.hpp"

namespace ctflow {

class StatusServer {
 public:
  /// `fill` is called from the event loop, once a second and on request; it and `io` must outlive
  /// this. Throws std::runtime_error when a configured socket cannot be made; that the default one
  /// cannot is only logged, for nobody asked for it. An address that is in use or not there (yet)
  /// is tried again every second.
  StatusServer(boost::asio::io_context& io, const StatusConfig& config,
               std::function<Status()> fill);

 private:
  void open_socket(const StatusConfig& config);
  /// Tries to listen at status.listen.
  void open_tcp();
  void watch();
  [[nodiscard]] Status current() const;

  boost::asio::io_context& io_;
  std::string listen_;        ///< status.listen
  std::string listen_error_;  ///< why nothing listens there; empty: all is well
  std::function<Status()> fill_;
  Trends trends_;
  Timer timer_;
  std::optional<StatusSocket> socket_;
  log::RateLimit error_log_;
  log::RateLimit listen_log_;
  HttpServer server_;
};

}  // namespace ctflow
