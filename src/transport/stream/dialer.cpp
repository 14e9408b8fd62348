// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/stream/dialer.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio/error.hpp>
#include <cerrno>
#include <utility>

#include "ctflow/clock.hpp"
#include "event_loop/timer.hpp"
#include "log/log.hpp"
#include "process/descriptor.hpp"
#include "transport/address/socket_options.hpp"

namespace ctflow {
namespace {

using boost::asio::ip::tcp;

std::string shown(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return endpoint.address().is_v6() ? fmt::format("[{}]:{}", address, endpoint.port())
                                    : fmt::format("{}:{}", address, endpoint.port());
}

std::string no_answer_within(std::chrono::milliseconds patience) {
  const double seconds = std::chrono::duration<double>(patience).count();
  return fmt::format("no answer within {:g} s", seconds);
}

FailureKind kind_of(const Connection::Error& error) {
  if (error == boost::asio::error::connection_refused) return FailureKind::kRefused;
  if (error == boost::asio::error::timed_out) return FailureKind::kNoAnswer;
  return FailureKind::kUnreachable;
}

}  // namespace

struct Dialer::Attempt {
  Attempt(boost::asio::io_context& io, Answer to)
      : answer(std::move(to)),
        timer(io),
        turn(io),
        share(io),
        began(std::chrono::steady_clock::now()) {}

  Answer answer;
  Timer timer;  ///< of the patience
  Timer turn;
  Timer share;  ///< of the patience, for an address behind which there are others
  PendingHandlers pending;
  MonoTime began;
  std::vector<Endpoint> endpoints;
  std::size_t next = 0;
  std::shared_ptr<Connection> connection;  ///< the one being tried
  bool looking_up = false;
  DialResult failure{
      nullptr, "no address of the source address's family", FailureKind::kUnresolved, {}};
};

Dialer::Dialer(boost::asio::io_context& io, const CollectorConfig& config, Make make,
               std::chrono::milliseconds patience)
    : io_(io),
      config_(config),
      make_(std::move(make)),
      patience_(patience),
      lookup_(io),
      peer_(log::quoted(config.address)) {
  Connection::Error not_numeric;
  const auto address = boost::asio::ip::make_address(config.address, not_numeric);
  if (!not_numeric) peer_ = shown(Endpoint(address, config.port));
  if (is_unix_socket(config)) peer_ = config.address;
}

Dialer::~Dialer() { cancel(); }

void Dialer::cancel() {
  if (!attempt_) return;
  if (attempt_->connection) attempt_->connection->close();
  lookup_.cancel();
  attempt_.reset();
}

void Dialer::dial(Answer answer) {
  cancel();
  attempt_ = std::make_unique<Attempt>(io_, std::move(answer));
  attempt_->timer.after(patience_, [this] { give_up(); });
  if (is_unix_socket(config_)) {
    attempt_->turn.soon([this] { connect_to_path(); });
    return;
  }
  Connection::Error not_numeric;
  const auto address = boost::asio::ip::make_address(config_.address, not_numeric);
  if (not_numeric) {
    look_up();
    return;
  }
  attempt_->endpoints.emplace_back(address, config_.port);
  attempt_->turn.soon([this] { try_next(); });
}

void Dialer::connect_to_path() {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  config_.address.copy(name.sun_path, sizeof name.sun_path - 1);
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): as connect(2) wants it
  const auto* const address = reinterpret_cast<const sockaddr*>(&name);
  // Done at once, or not at all: EAGAIN says that too many wait to be accepted.
  if (!socket.is_open() || connect(socket.number(), address, sizeof name) != 0) {
    const Connection::Error error(errno, boost::system::system_category());
    finish({nullptr, error.message(), kind_of(error), {}});
    return;
  }
  const std::shared_ptr<Connection> connection = make_();
  Connection::Error error;
  // Asio reads and writes any stream socket alike.
  connection->socket().assign(tcp::v4(), socket.number(), error);
  if (error) {
    finish({nullptr, error.message(), FailureKind::kUnreachable, {}});
    return;
  }
  static_cast<void>(socket.release());
  attempt_->connection = connection;
  on_connected(connection);
}

void Dialer::give_up() {
  if (attempt_->connection) attempt_->connection->close();
  const char* who = attempt_->looking_up ? "the name service gave " : "";
  const FailureKind kind = attempt_->looking_up ? FailureKind::kUnresolved : FailureKind::kNoAnswer;
  finish({nullptr, who + no_answer_within(patience_), kind, {}});
}

void Dialer::share_patience() {
  using std::chrono::milliseconds;
  const std::size_t others = attempt_->endpoints.size() - attempt_->next;
  if (others == 0) return;
  const auto spent = std::chrono::steady_clock::now() - attempt_->began;
  const auto left = std::chrono::duration_cast<milliseconds>(patience_ - spent);
  const milliseconds share = left / static_cast<milliseconds::rep>(others + 1);
  attempt_->share.after(share, [this, share] {
    attempt_->pending.revoke();  // what is asked of the connection ends with an error
    attempt_->connection->close();
    attempt_->failure = {nullptr, no_answer_within(share), FailureKind::kNoAnswer, {}};
    try_next();
  });
}

void Dialer::look_up() {
  attempt_->looking_up = true;
  lookup_.start(config_.address,
                [this](const Connection::Error& error, const Lookup::Addresses& found) {
                  on_answer(error, found);
                });
}

void Dialer::on_answer(const Connection::Error& error, const Lookup::Addresses& found) {
  attempt_->looking_up = false;
  for (const auto& address : found) {
    if (fits_source(address, config_)) attempt_->endpoints.emplace_back(address, config_.port);
  }
  if (error) attempt_->failure.error = error.message();
  try_next();
}

void Dialer::open(Connection& connection, const Endpoint& endpoint,
                  Connection::Error& error) const {
  const bool ipv6 = endpoint.address().is_v6();
  connection.socket().open(ipv6 ? tcp::v6() : tcp::v4(), error);
  apply_settings(connection.socket(), ipv6, config_, error);
  if (!error) tune(connection);
}

void Dialer::try_next() {
  attempt_->share.cancel();
  if (attempt_->next == attempt_->endpoints.size()) {
    finish(attempt_->failure);
    return;
  }
  const Endpoint endpoint = attempt_->endpoints[attempt_->next++];
  peer_ = shown(endpoint);
  std::shared_ptr<Connection> connection;
  try {
    connection = make_();
  } catch (const std::exception& error) {
    finish({nullptr, error.what(), FailureKind::kHandshake, {}});
    return;
  }
  Connection::Error error;
  open(*connection, endpoint, error);
  if (error) {
    attempt_->failure = {nullptr, error.message(), FailureKind::kUnreachable, {}};
    try_next();
    return;
  }
  attempt_->connection = connection;
  share_patience();
  connection->socket().async_connect(
      endpoint, attempt_->pending.guard([this, connection](const Connection::Error& result) {
        if (!result) {
          on_connected(connection);
          return;
        }
        attempt_->failure = {nullptr, result.message(), kind_of(result), {}};
        try_next();
      }));
}

void Dialer::on_connected(const std::shared_ptr<Connection>& connection) {
  connection->start(attempt_->pending.guard([this, connection](const Connection::Error& error) {
    if (!error) {
      finish({connection, "", FailureKind::kNone, {}});
      return;
    }
    connection->close();
    attempt_->failure = {nullptr, connection->reason(error), FailureKind::kHandshake, {}};
    try_next();
  }));
}

void Dialer::finish(DialResult result) {
  const std::unique_ptr<Attempt> attempt = std::move(attempt_);
  attempt->pending.revoke();
  attempt->timer.cancel();
  lookup_.cancel();
  result.took = std::chrono::steady_clock::now() - attempt->began;
  attempt->answer(result);
}

}  // namespace ctflow
