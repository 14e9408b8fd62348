// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/status_server.hpp"

#include <stdexcept>
#include <utility>

#include "observe/log.hpp"
#include "observe/metrics_text.hpp"
#include "observe/status_endpoint.hpp"
#include "observe/status_json.hpp"

namespace ctflow {
using boost::asio::ip::tcp;

StatusServer::StatusServer(boost::asio::io_context& io, const StatusConfig& config,
                           std::function<Status()> fill)
    : io_(io),
      fill_(std::move(fill)),
      timer_(io),
      server_(io, {{"/metrics", "text/plain; version=0.0.4; charset=utf-8",
                    [this] { return metrics_text(current()); }},
                   {"/status", "application/json", [this] { return status_json(current()); }}}) {
  if (!config.socket.empty()) open_socket(config);
  if (!config.listen.empty()) open_tcp(config);
  watch();
}

void StatusServer::open_socket(const StatusConfig& config) {
  try {
    socket_.emplace(io_, config.socket);
    server_.serve(socket_->take_acceptor());
  } catch (const std::runtime_error& error) {
    if (config.socket != StatusConfig().socket) throw;
    log::warn(
        "status_unavailable error={} means=\"ctflowd status cannot ask, nothing else\" mend=\"set "
        "status.socket to a path that ctflowd may create, or to off\"",
        log::quoted(error.what()));
  }
}

void StatusServer::open_tcp(const StatusConfig& config) {
  const tcp::endpoint endpoint = status_endpoint(config.listen);
  tcp::acceptor acceptor(io_);
  try {
    acceptor.open(endpoint.protocol());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    acceptor.bind(endpoint);
    acceptor.listen();
  } catch (const boost::system::system_error& error) {
    throw std::runtime_error("status.listen: " + config.listen + ": " + error.code().message());
  }
  server_.serve(std::move(acceptor));
}

void StatusServer::watch() {
  try {
    trends_.sample(fill_(), std::chrono::steady_clock::now());
  } catch (const std::exception& error) {  // a namespace that went: no reason to end
    if (error_log_.allow()) log::warn("status_failed error={}", log::quoted(error.what()));
  }
  timer_.after(std::chrono::seconds(1), [this] { watch(); });
}

Status StatusServer::current() const {
  Status status = fill_();
  const auto now = std::chrono::steady_clock::now();
  Trends trends = trends_;  // what grew since the last second grew now
  trends.sample(status, now);
  trends.complete(status, now);
  return status;
}

}  // namespace ctflow
