// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/dialer.hpp"

#include <fmt/format.h>

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "observe/log.hpp"
#include "transport/socket_options.hpp"

namespace ctflow {
namespace {

using boost::asio::ip::tcp;

constexpr std::chrono::seconds kPatience{10};  ///< for one attempt, all addresses together

std::string shown(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return endpoint.address().is_v6() ? fmt::format("[{}]:{}", address, endpoint.port())
                                    : fmt::format("{}:{}", address, endpoint.port());
}

}  // namespace

struct Dialer::Attempt {
  Attempt(boost::asio::io_context& io, Answer to)
      : answer(std::move(to)), timer(io, kPatience), began(std::chrono::steady_clock::now()) {}

  Answer answer;
  boost::asio::steady_timer timer;
  std::chrono::steady_clock::time_point began;
  std::vector<Endpoint> endpoints;
  std::size_t next = 0;
  std::shared_ptr<Connection> connection;  ///< the one being tried
  DialResult failure{nullptr, "no address of the source address's family", false, {}};
};

Dialer::Dialer(boost::asio::io_context& io, const CollectorConfig& config, Make make)
    : io_(io),
      config_(config),
      make_(std::move(make)),
      resolver_(io),
      peer_(log::quoted(config.address)) {
  Connection::Error not_numeric;
  const auto address = boost::asio::ip::make_address(config.address, not_numeric);
  if (!not_numeric) peer_ = shown(Endpoint(address, config.port));
}

void Dialer::dial(Answer answer) {
  attempt_ = std::make_shared<Attempt>(io_, std::move(answer));
  // Handlers hold the attempt weakly: dropping it is how it is cancelled.
  attempt_->timer.async_wait([this, weak = std::weak_ptr(attempt_)](const Connection::Error& e) {
    const auto attempt = weak.lock();
    if (e || !attempt) return;
    if (attempt->connection) attempt->connection->close();
    finish(attempt, {nullptr, fmt::format("no answer within {} s", kPatience.count()), false, {}});
  });
  Connection::Error not_numeric;
  const auto address = boost::asio::ip::make_address(config_.address, not_numeric);
  if (not_numeric) {
    look_up(attempt_);
    return;
  }
  attempt_->endpoints.emplace_back(address, config_.port);
  boost::asio::post(io_, [this, weak = std::weak_ptr(attempt_)] {
    if (const auto attempt = weak.lock()) try_next(attempt);
  });
}

void Dialer::look_up(const std::shared_ptr<Attempt>& attempt) {
  ++*lookups_;
  resolver_.async_resolve(
      config_.address, std::to_string(config_.port), tcp::resolver::numeric_service,
      [this, weak = std::weak_ptr(attempt), lookups = lookups_](
          const Connection::Error& error, const tcp::resolver::results_type& results) {
        --*lookups;
        const auto current = weak.lock();
        if (!current) return;
        for (const auto& result : results) {
          if (fits_source(result.endpoint().address(), config_)) {
            current->endpoints.push_back(result.endpoint());
          }
        }
        if (error) current->failure.error = error.message();
        try_next(current);
      });
}

void Dialer::open(Connection& connection, const Endpoint& endpoint,
                  Connection::Error& error) const {
  const bool ipv6 = endpoint.address().is_v6();
  connection.socket().open(ipv6 ? tcp::v6() : tcp::v4(), error);
  apply_settings(connection.socket(), ipv6, config_, error);
  if (!error) tune(connection);
}

void Dialer::try_next(const std::shared_ptr<Attempt>& attempt) {
  if (attempt->next == attempt->endpoints.size()) {
    finish(attempt, attempt->failure);
    return;
  }
  const Endpoint endpoint = attempt->endpoints[attempt->next++];
  peer_ = shown(endpoint);
  std::shared_ptr<Connection> connection;
  try {
    connection = make_();
  } catch (const std::exception& error) {
    finish(attempt, {nullptr, error.what(), false, {}});
    return;
  }
  Connection::Error error;
  open(*connection, endpoint, error);
  if (error) {
    attempt->failure.error = error.message();
    try_next(attempt);
    return;
  }
  attempt->connection = connection;
  connection->socket().async_connect(
      endpoint, [this, connection, weak = std::weak_ptr(attempt)](const Connection::Error& result) {
        const auto current = weak.lock();
        if (!current) return;
        if (!result) {
          on_connected(current, connection);
          return;
        }
        current->failure = {
            nullptr, result.message(), result == boost::asio::error::connection_refused, {}};
        try_next(current);
      });
}

void Dialer::on_connected(const std::shared_ptr<Attempt>& attempt,
                          const std::shared_ptr<Connection>& connection) {
  connection->async_start(
      [this, connection, weak = std::weak_ptr(attempt)](const Connection::Error& error) {
        const auto current = weak.lock();
        if (!current) return;
        if (!error) {
          finish(current, {connection, "", false, {}});
          return;
        }
        connection->close();
        current->failure = {nullptr, connection->reason(error), false, {}};
        try_next(current);
      });
}

void Dialer::finish(const std::shared_ptr<Attempt>& attempt, DialResult result) {
  attempt_.reset();  // the caller holds it until its handler ends
  result.took = std::chrono::steady_clock::now() - attempt->began;
  attempt->answer(result);
}

}  // namespace ctflow
