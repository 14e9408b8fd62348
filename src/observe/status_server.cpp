// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/status_server.hpp"

#include <stdexcept>
#include <utility>

#include "config/status_endpoint.hpp"
#include "event_loop/rounds.hpp"
#include "log/log.hpp"
#include "observe/metrics_text.hpp"
#include "observe/status_json.hpp"
#include "observe/usage_json.hpp"

namespace ctflow {
using boost::asio::ip::tcp;

StatusServer::StatusServer(boost::asio::io_context& io, const StatusConfig& config,
                           std::function<Status()> fill, const AskUsage& usage,
                           const std::vector<ServedView>& views)
    : io_(io),
      listen_(config.listen),
      fill_(std::move(fill)),
      timer_(io),
      server_(io, pages(usage, views), HttpServer::Limits(), config.hosts) {
  if (!config.socket.empty()) open_socket(config);
  if (!listen_.empty()) open_tcp();
  watch();
}

std::vector<HttpServer::Page> StatusServer::pages(const AskUsage& usage,
                                                  const std::vector<ServedView>& views) {
  const char* const json = "application/json";
  std::vector<HttpServer::Page> pages{{"/metrics", "text/plain; version=0.0.4; charset=utf-8",
                                       [this] { return metrics_text(current()); }},
                                      {"/status", json, [this] { return status_json(current()); }}};
  for (const ServedView& view : views) {
    pages.push_back({view.path, view.content_type,
                     [this, make = view.make] { return make(current()); }, view.headers, view.age});
  }
  if (!usage) return pages;
  const auto ask = [usage](std::optional<AccountingKey> by) {
    return [usage, by] { return usage_json(usage(by), std::chrono::steady_clock::now()); };
  };
  pages.push_back({"/top", json, ask(std::nullopt)});
  for (const AccountingKeyWord& one : kAccountingKeyWords) {
    pages.push_back({std::string("/top/") + one.word, json, ask(one.key)});
  }
  return pages;
}

void StatusServer::open_socket(const StatusConfig& config) {
  try {
    socket_.emplace(io_, config.socket);
    server_.serve(socket_->take_acceptor());
  } catch (const std::runtime_error& error) {
    if (config.socket != StatusConfig().socket) throw;
    log::warn(
        "status_unavailable error={} impact=\"ctflowd status does not work, exporting does\" "
        "fix=\"set "
        "status.socket to a path that ctflowd may create, or to off\"",
        log::quoted(error.what()));
  }
}

void StatusServer::open_tcp() {
  const tcp::endpoint endpoint = status_endpoint(listen_);
  tcp::acceptor acceptor(io_);
  try {
    acceptor.open(endpoint.protocol());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    acceptor.bind(endpoint);
    acceptor.listen();
  } catch (const boost::system::system_error& error) {
    listen_error_ = "status.listen: " + listen_ + ": " + error.code().message();
    if (listen_log_.allow()) {
      log::warn(
          "status_listen_unavailable error={} suppressed={} impact=\"/status and /metrics cannot "
          "be reached by TCP; tried again every second\" "
          "fix=\"ss -ltnp; set status.listen to an address of this host and a free port\"",
          log::quoted(listen_error_), listen_log_.suppressed());
    }
    return;
  }
  if (!std::exchange(listen_error_, "").empty()) log::info("status_listening address={}", listen_);
  server_.serve(std::move(acceptor));
}

void StatusServer::watch() {
  if (!listen_error_.empty()) open_tcp();
  try {
    trends_.sample(fill_(), std::chrono::steady_clock::now());
  } catch (const std::exception& error) {  // such as a namespace that was removed
    if (error_log_.allow()) {
      log::warn(
          "status_failed error={} impact=\"rates of ctflowd status are those of before\" fix=\"see "
          "the error; tried again every second\"",
          log::quoted(error.what()));
    }
  }
  timer_.at(next_round(std::chrono::seconds(1)), [this] { watch(); });
}

Status StatusServer::current() const {
  Status status = fill_();
  status.listen_error = listen_error_;
  const auto now = std::chrono::steady_clock::now();
  Trends trends = trends_;  // what grew since the last sample grew now
  trends.sample(status, now);
  trends.complete(status, now);
  return status;
}

}  // namespace ctflow
