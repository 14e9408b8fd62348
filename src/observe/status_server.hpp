// SPDX-License-Identifier: GPL-2.0-or-later
// Serves the status of a running ctflowd: /metrics and /status, and what others make of it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ctflow/config.hpp"
#include "ctflow/status.hpp"
#include "event_loop/timer.hpp"
#include "log/log.hpp"
#include "observe/http_server.hpp"
#include "observe/status_socket.hpp"
#include "observe/trends.hpp"

namespace ctflow {

/// By a key, or the most useful one.
using AskUsage = std::function<std::vector<NamespaceUsage>(std::optional<AccountingKey>)>;

/// A page that is made of the status.
struct ServedView {
  std::string path;
  std::string content_type;
  std::function<std::string(const Status&)> make;
  std::vector<std::pair<std::string, std::string>> headers{};
  std::chrono::milliseconds age{0};  ///< it is made no more often
};

class StatusServer {
 public:
  /// `fill` is called from the event loop, once a second and on request; it and `io` must outlive
  /// this. Throws std::runtime_error when a configured socket cannot be created; for the default
  /// one this is only logged. An address that is in use or does not exist yet is tried again every
  /// second.
  /// `usage`: what /top and /top/KEY ask; empty: there are none. `views`: further pages.
  StatusServer(boost::asio::io_context& io, const StatusConfig& config,
               std::function<Status()> fill, const AskUsage& usage = {},
               const std::vector<ServedView>& views = {});

 private:
  void open_socket(const StatusConfig& config);
  /// Tries to listen at status.listen.
  void open_tcp();
  void watch();
  [[nodiscard]] std::vector<HttpServer::Page> pages(const AskUsage& usage,
                                                    const std::vector<ServedView>& views);
  [[nodiscard]] Status current() const;

  boost::asio::io_context& io_;
  std::string listen_;        ///< status.listen
  std::string listen_error_;  ///< why it is not open; empty: it is
  std::function<Status()> fill_;
  Trends trends_;
  Timer timer_;
  std::optional<StatusSocket> socket_;
  log::RateLimit error_log_;
  log::RateLimit listen_log_;
  HttpServer server_;
};

}  // namespace ctflow
