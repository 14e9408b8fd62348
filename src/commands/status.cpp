// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/status.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <chrono>
#include <ostream>
#include <stdexcept>

#include "commands/screen.hpp"
#include "commands/status_view.hpp"
#include "commands/watching.hpp"
#include "event_loop/pending_handlers.hpp"

namespace ctflow {
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace {

using LocalStream = boost::asio::local::stream_protocol;

constexpr std::chrono::seconds kTimeout{5};
constexpr std::size_t kLongestAnswer = std::size_t{16} << 20;

std::string explain(const std::string& socket, const boost::system::error_code& error) {
  std::string fix = "is ctflowd running there?";
  if (error == boost::system::errc::no_such_file_or_directory ||
      error == boost::asio::error::connection_refused) {
    fix = "ctflowd is not running, or has another status.socket: set it with --socket";
  } else if (error == boost::asio::error::access_denied) {
    fix = "run as root or as a member of the socket's group";
  } else if (error == beast::error::timeout) {
    fix = fmt::format("ctflowd did not answer within {} s", kTimeout.count());
  }
  return fmt::format("{}: {}: {}", socket, error.message(), fix);
}

/// One HTTP request over a unix socket.
class Request {
 public:
  explicit Request(const std::string& path) : stream_(io_) {
    request_ = {http::verb::get, path, 11};
    request_.set(http::field::host, "localhost");
    parser_.body_limit(kLongestAnswer);
  }

  boost::system::error_code send(const std::string& socket) {
    if (socket.size() >= sizeof(sockaddr_un::sun_path)) {
      return boost::asio::error::make_error_code(boost::asio::error::name_too_long);
    }
    stream_.expires_after(kTimeout);
    connect(socket);
    io_.run();
    return error_;
  }

  [[nodiscard]] const http::response<http::string_body>& response() const { return parser_.get(); }

 private:
  void connect(const std::string& socket) {
    stream_.async_connect(LocalStream::endpoint(socket),
                          pending_.guard([this](beast::error_code error) {
                            if (!failed(error)) write();
                          }));
  }

  void write() {
    http::async_write(stream_, request_,
                      pending_.guard([this](beast::error_code error, std::size_t /*octets*/) {
                        if (!failed(error)) read();
                      }));
  }

  void read() {
    http::async_read(
        stream_, buffer_, parser_,
        pending_.guard([this](beast::error_code error, std::size_t /*octets*/) { failed(error); }));
  }

  bool failed(beast::error_code error) {
    error_ = error;
    return static_cast<bool>(error);
  }

  boost::asio::io_context io_;
  beast::basic_stream<LocalStream> stream_;
  beast::flat_buffer buffer_;
  http::request<http::empty_body> request_;
  http::response_parser<http::string_body> parser_;
  beast::error_code error_;
  PendingHandlers pending_;
};

/// True if there are no problems.
bool show(const StatusOptions& options, std::ostream& out, bool on_screen) {
  const std::string json = ask(options.socket, "/status");
  const StatusView view = view_status(json);
  if (options.json) {
    out << json << std::flush;
    return view.well;
  }
  std::string text = view.text;
  if (on_screen) {
    text = fit_screen(text, size_of_terminal().value_or(TerminalSize{}), "status");
    clear_screen(out);
  }
  out << (colour_wanted() ? with_colour(text, view.well) : text) << std::flush;
  return view.well;
}

/// The exit status of this look. Without an answer it says why: a ctflowd that is started again has
/// one later.
int look_again(const StatusOptions& options, std::ostream& out, std::ostream& errors,
               bool on_screen) {
  try {
    return show(options, out, on_screen) ? 0 : 1;
  } catch (const std::runtime_error& error) {
    if (on_screen) clear_screen(out);
    (on_screen ? out : errors) << error.what() << '\n' << std::flush;
    return 2;
  }
}

int watch(const StatusOptions& options, std::ostream& out, std::ostream& errors) {
  const EndOfWatch end;
  const bool on_screen = !options.json && size_of_terminal().has_value();
  const AlternateScreen screen(out, on_screen);
  int status = show(options, out, on_screen) ? 0 : 1;
  while (!end.comes_within(std::chrono::seconds(options.interval_seconds)) && out) {
    if (!on_screen && !options.json) out << '\n';
    status = look_again(options, out, errors, on_screen);
  }
  return status;
}

}  // namespace

std::string ask(const std::string& socket, const std::string& path) {
  Request request(path);
  const auto error = request.send(socket);
  if (error) throw std::runtime_error(explain(socket, error));
  const auto& response = request.response();
  if (response.result() != http::status::ok) {
    throw std::runtime_error(fmt::format("{}: HTTP status {}", socket, response.result_int()));
  }
  return response.body();
}

int run_status(const StatusOptions& options, std::ostream& out, std::ostream& errors) {
  try {
    if (options.watch) return watch(options, out, errors);
    return show(options, out, false) ? 0 : 1;
  } catch (const std::runtime_error& error) {
    errors << error.what() << '\n';
    return 2;
  }
}

}  // namespace ctflow
