// SPDX-License-Identifier: GPL-2.0-or-later
#include "postgresql/libpq_server.hpp"

#include <algorithm>
#include <utility>

#include "postgresql/message_text.hpp"

namespace ctflow::postgresql {
namespace {

constexpr std::chrono::seconds kConnectPatience{10};
constexpr std::chrono::seconds kCommandPatience{60};

/// libpq would print them.
void ignore_notice(void* /*nothing*/, const char* /*message*/) {}

std::string peer_of(PGconn* connection, const std::string& otherwise) {
  const char* const address = PQhostaddr(connection);
  if (address == nullptr || *address == '\0') return otherwise;
  const std::string text = address;
  const bool brackets = text.find(':') != std::string::npos;
  return (brackets ? "[" + text + "]" : text) + ":" + PQport(connection);
}

}  // namespace

LibpqServer::LibpqServer(boost::asio::io_context& io, const std::string& connection)
    : parameters_(parse_connection(connection).value_or(Parameters{})),
      peer_(place_of(parameters_)),
      lookup_(io),
      socket_(io),
      deadline_(io),
      later_(io),
      alarm_(io) {}

LibpqServer::~LibpqServer() { LibpqServer::close(); }

void LibpqServer::close() {
  lookup_.cancel();
  deadline_.cancel();
  later_.cancel();
  socket_.close();
  connection_.reset();
  doing_ = Doing::kNothing;
  data_.clear();
  copying_ = false;
}

void LibpqServer::alarm_at(MonoTime when, ServerUser& user) {
  alarm_.at(when, [&user] { user.on_alarm(); });
}

void LibpqServer::limit(std::chrono::seconds patience) {
  deadline_.after(patience, [this, patience] {
    // libpq waits for an address that does not answer for longer than that.
    if (doing_ == Doing::kConnecting) ++first_;
    break_off(FailureKind::kNoAnswer,
              "no answer for " + std::to_string(patience.count()) + " seconds");
  });
}

void LibpqServer::break_soon(FailureKind kind, const std::string& reason) {
  later_.soon([this, kind, reason] { break_off(kind, reason); });
}

void LibpqServer::break_off(FailureKind kind, const std::string& reason) {
  // close() ends the handler that it may belong to.
  const std::string copy = reason;  // NOLINT(performance-unnecessary-copy-initialization)
  close();
  user_->on_broken(kind, copy);
}

void LibpqServer::connect(ServerUser& user) {
  close();
  user_ = &user;
  doing_ = Doing::kConnecting;
  limit(kConnectPatience);
  const std::string name = name_to_look_up(parameters_);
  if (name.empty()) return begin_connection("");
  lookup_.start(name, [this](const Lookup::Error& error, const Lookup::Addresses& found) {
    take_addresses(error, found);
  });
}

void LibpqServer::take_addresses(const Lookup::Error& error, const Lookup::Addresses& found) {
  if (error || found.empty()) {
    return break_off(FailureKind::kUnresolved, error ? error.message() : "no address");
  }
  std::string addresses;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!addresses.empty()) addresses += ',';
    addresses += found[(first_ + i) % found.size()].to_string();
  }
  begin_connection(addresses);
}

void LibpqServer::begin_connection(const std::string& addresses) {
  Parameters all = parameters_;
  if (!addresses.empty()) {
    // As many hosts as addresses: libpq tries one after the other.
    const auto more = std::count(addresses.begin(), addresses.end(), ',');
    for (auto& [key, value] : all) {
      if (key != "host") continue;
      const std::string name = value;
      for (auto left = more; left > 0; --left) {
        value += ',';
        value += name;
      }
    }
    all.emplace_back("hostaddr", addresses);
  }
  // Kerberos would ask its servers, and wait for them.
  if (value_of(all, "gssencmode").empty()) all.emplace_back("gssencmode", "disable");
  all.emplace_back("fallback_application_name", "ctflowd");
  std::vector<const char*> keys;
  std::vector<const char*> values;
  keys.reserve(all.size() + 1);
  values.reserve(all.size() + 1);
  for (const auto& [key, value] : all) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  keys.push_back(nullptr);
  values.push_back(nullptr);
  connection_.reset(PQconnectStartParams(keys.data(), values.data(), 0));
  if (!connection_) return break_soon(FailureKind::kUnreachable, "out of memory");
  if (PQstatus(connection_.get()) == CONNECTION_BAD) {
    return break_soon(FailureKind::kUnreachable, message_text(PQerrorMessage(connection_.get())));
  }
  PQsetNoticeProcessor(connection_.get(), ignore_notice, nullptr);
  wait_for_socket(false, true);
}

void LibpqServer::go_on_connecting() {
  switch (PQconnectPoll(connection_.get())) {
    case PGRES_POLLING_READING:
      return wait_for_socket(true, false);
    case PGRES_POLLING_WRITING:
      return wait_for_socket(false, true);
    case PGRES_POLLING_OK:
      break;
    default:
      return break_off(FailureKind::kUnreachable, message_text(PQerrorMessage(connection_.get())));
  }
  doing_ = Doing::kNothing;
  deadline_.cancel();
  PQsetnonblocking(connection_.get(), 1);
  peer_ = peer_of(connection_.get(), place_of(parameters_));
  wait_for_socket(true, false);
  user_->on_connected();
}

void LibpqServer::wait_for_socket(bool read, bool write) {
  if (doing_ == Doing::kConnecting || !socket_.is_open()) {
    if (const std::error_code error = socket_.borrow(PQsocket(connection_.get()))) {
      return break_soon(FailureKind::kBroken, "watching the connection: " + error.message());
    }
  }
  socket_.wait(read, write, [this] { ready(); });
}

void LibpqServer::query(const std::string& statements) {
  answer_ = {};
  data_.clear();
  next_piece_ = 0;
  copying_ = false;
  doing_ = Doing::kCommand;
  limit(kCommandPatience);
  if (PQsendQuery(connection_.get(), statements.c_str()) != 1) {
    return break_soon(FailureKind::kBroken, message_text(PQerrorMessage(connection_.get())));
  }
  wait_for_socket(true, true);
}

void LibpqServer::copy(const std::string& statement, std::vector<std::string_view> data) {
  query(statement);
  data_ = std::move(data);
}

/// The socket can be read or written.
void LibpqServer::ready() {
  if (doing_ == Doing::kConnecting) return go_on_connecting();
  if (PQconsumeInput(connection_.get()) != 1) {
    return break_off(FailureKind::kBroken, message_text(PQerrorMessage(connection_.get())));
  }
  if (doing_ == Doing::kNothing) return wait_for_socket(true, false);
  take_results();
}

/// False: the socket takes no more just now, or the connection is given up.
bool LibpqServer::send_data() {
  const auto stop = [this](int code) {
    // To end the data here would write a part of the batch.
    if (code < 0) break_soon(FailureKind::kBroken, message_text(PQerrorMessage(connection_.get())));
    return false;
  };
  for (; next_piece_ < data_.size(); ++next_piece_) {
    const std::string_view piece = data_[next_piece_];
    const int taken =
        PQputCopyData(connection_.get(), piece.data(), static_cast<int>(piece.size()));
    if (taken != 1) return stop(taken);
  }
  const int ended = PQputCopyEnd(connection_.get(), nullptr);
  if (ended != 1) return stop(ended);
  copying_ = false;
  return true;
}

void LibpqServer::take_results() {
  while (true) {
    if (copying_ && !send_data()) return wait_for_socket(true, true);
    const int unsent = PQflush(connection_.get());
    if (unsent < 0) {
      return break_off(FailureKind::kBroken, message_text(PQerrorMessage(connection_.get())));
    }
    if (unsent == 1) limit(kCommandPatience);  // it goes on, however slowly
    if (PQisBusy(connection_.get()) == 1) return wait_for_socket(true, unsent == 1);
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQgetResult(connection_.get()),
                                                               PQclear);
    if (!result) break;
    if (PQresultStatus(result.get()) == PGRES_COPY_IN) {
      copying_ = true;
      continue;
    }
    take_result(result.get());
  }
  if (PQstatus(connection_.get()) == CONNECTION_BAD) {
    return break_off(FailureKind::kBroken, answer_.message.empty()
                                               ? message_text(PQerrorMessage(connection_.get()))
                                               : answer_.message);
  }
  doing_ = Doing::kNothing;
  data_.clear();
  deadline_.cancel();
  wait_for_socket(true, false);
  user_->on_answer(Answer(answer_));  // which may begin the next
}

/// Of several statements the first error counts, else the last result.
void LibpqServer::take_result(PGresult* result) {
  if (!answer_.sqlstate.empty() || !answer_.message.empty()) return;
  const ExecStatusType status = PQresultStatus(result);
  answer_.ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
  if (!answer_.ok) {
    const char* const state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    answer_.sqlstate = state == nullptr ? "" : state;
    // Without the details, which may have a row in them.
    const char* const primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    answer_.message = message_text(primary == nullptr ? PQresultErrorMessage(result) : primary);
    return;
  }
  answer_.tag = PQcmdStatus(result);
  answer_.rows.clear();
  for (int row = 0; row < PQntuples(result); ++row) {
    answer_.rows.emplace_back(PQgetvalue(result, row, 0));
  }
}

}  // namespace ctflow::postgresql
