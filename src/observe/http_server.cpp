// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/http_server.hpp"

#include <algorithm>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <cstdint>
#include <limits>
#include <list>
#include <optional>
#include <type_traits>
#include <utility>

#include "ctflow/clock.hpp"
#include "event_loop/pending_handlers.hpp"
#include "event_loop/timer.hpp"
#include "log/log.hpp"
#include "observe/host_names.hpp"
#include "version/version.hpp"

namespace ctflow {
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace {

using Response = http::response<http::string_body>;

struct MadePage {
  HttpServer::Page page;
  std::string text;
  std::optional<MonoTime> made;
};

/// A listening socket of any protocol.
class AnyListener {
 public:
  virtual ~AnyListener() = default;
};

using Request = http::request<http::empty_body>;

/// A request of HTTP/1.1 has exactly one Host (RFC 9112 section 3.2). It may be empty, as it is
/// where there is no authority, such as at a unix socket.
bool has_valid_host(const Request& request) {
  constexpr unsigned kHttp11 = 11;
  const std::size_t count = request.count(http::field::host);
  if (count == 0) return request.version() < kHttp11;
  const beast::string_view host = request[http::field::host];
  return count == 1 && host.find_first_of(" \t/@,?#") == beast::string_view::npos;
}

/// What is asked for, in origin-form or in absolute-form (RFC 9112 section 3.2).
struct Asked {
  std::optional<std::string> authority{};  ///< in absolute-form
  std::string path;                        ///< without its query
};

Asked asked_by(beast::string_view target) {
  Asked asked;
  for (const beast::string_view scheme : {"http://", "https://"}) {
    if (!beast::iequals(target.substr(0, scheme.size()), scheme)) continue;
    target = target.substr(scheme.size());
    const std::size_t path = std::min(target.find_first_of("/?"), target.size());
    asked.authority = std::string(target.substr(0, path));
    target = target.substr(path);
    if (target.empty() || target.front() == '?') target = "/";
    break;
  }
  asked.path = std::string(target.substr(0, target.find('?')));
  return asked;
}

/// Whether the request is for this server. That of the target is decisive (RFC 9112 section 3.2.2);
/// a browser sends Host always, so what has none is no page of another site.
bool is_for(const HostNames& hosts, const Request& request, const Asked& asked) {
  if (asked.authority) return hosts.has(*asked.authority);
  if (request.count(http::field::host) == 0) return true;
  const beast::string_view host = request[http::field::host];
  return hosts.has({host.data(), host.size()});
}

Response plain(http::status status, const std::string& text) {
  Response response(status, 11);
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  response.body() = text + "\n";
  return response;
}

}  // namespace

struct HttpServer::Shared {
  Shared(boost::asio::io_context& context, std::vector<Page> list, Limits bounds,
         const std::vector<std::string>& names)
      : io(context), limits(bounds), hosts(names) {
    for (Page& page : list) pages.push_back({std::move(page), "", std::nullopt});
  }

  boost::asio::io_context& io;
  Limits limits;
  HostNames hosts;
  std::vector<MadePage> pages;
  std::list<std::unique_ptr<AnyListener>> listeners;
  PendingHandlers of_connections;  ///< revoked by the destructor: nothing is answered any more
  log::RateLimit page_log;

  /// `by_tcp`: it may come from a browser.
  Response answer(const Request& request, bool by_tcp);
  Response show(MadePage& page);
};

namespace {

/// One request and its answer; then the connection is closed, so that none stays idle.
template <typename State, typename Protocol>
class HttpConnection : public std::enable_shared_from_this<HttpConnection<State, Protocol>> {
 public:
  /// `open`: how many connections its listener has, this one included.
  HttpConnection(std::shared_ptr<State> state, std::shared_ptr<std::size_t> open,
                 typename Protocol::socket socket)
      : state_(std::move(state)),
        open_(std::move(open)),
        stream_(std::move(socket)),
        buffer_(state_->limits.request_octets) {
    ++*open_;
    parser_.header_limit(static_cast<std::uint32_t>(state_->limits.request_octets));
    // A body is never read: what is answered is the method.
    parser_.body_limit(std::numeric_limits<std::uint64_t>::max());
  }
  ~HttpConnection() { --*open_; }

  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;
  HttpConnection(HttpConnection&&) = delete;
  HttpConnection& operator=(HttpConnection&&) = delete;

  void run() {
    stream_.expires_after(state_->limits.request_time);
    http::async_read_header(stream_, buffer_, parser_,
                            guard([this](beast::error_code error) { on_request(error); }));
  }

 private:
  void on_request(beast::error_code error) {
    if (!error) {
      constexpr bool kByTcp = std::is_same_v<Protocol, boost::asio::ip::tcp>;
      write(state_->answer(parser_.get(), kByTcp));
    } else if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      write(plain(http::status::request_header_fields_too_large, "the request is too large"));
    } else if (error.category() == http::make_error_code(http::error::bad_line_ending).category() &&
               error != http::error::end_of_stream && error != http::error::partial_message) {
      write(plain(http::status::bad_request, "this is no HTTP request"));
    }
  }

  void write(Response response) {
    response_ = std::move(response);
    response_.set(http::field::server, std::string("ctflowd/") + version());
    response_.set(http::field::cache_control, "no-store");
    response_.keep_alive(false);
    response_.prepare_payload();
    if (parser_.is_header_done() && parser_.get().method() == http::verb::head) {
      response_.body().clear();  // Content-Length stays
    }
    stream_.expires_after(state_->limits.response_time);
    http::async_write(stream_, response_, guard([this](beast::error_code /*the client's matter*/) {
                        beast::error_code ignored;
                        stream_.socket().shutdown(Protocol::socket::shutdown_send, ignored);
                      }));
  }

  /// Holds the connection, whose stream and buffers the operation uses until it has ended.
  template <typename Work>
  auto guard(Work work) {
    return state_->of_connections.guard(
        [self = this->shared_from_this(), work](beast::error_code error, std::size_t /*octets*/) {
          work(error);
        });
  }

  std::shared_ptr<State> state_;
  std::shared_ptr<std::size_t> open_;
  beast::basic_stream<Protocol> stream_;
  beast::flat_buffer buffer_;
  http::request_parser<http::empty_body> parser_;
  Response response_;
};

template <typename State, typename Protocol>
class Listener : public AnyListener {
 public:
  Listener(const std::shared_ptr<State>& state, typename Protocol::acceptor acceptor)
      : state_(state), acceptor_(std::move(acceptor)), pause_(state->io) {}

  void accept() {
    acceptor_.async_accept(pending_.guard(
        [this](const boost::system::error_code& error, typename Protocol::socket socket) {
          if (error) {
            // No descriptors left: waiting is all that helps.
            pause_.after(std::chrono::seconds(1), [this] { accept(); });
            return;
          }
          begin_connection(std::move(socket));
          accept();
        }));
  }

 private:
  void begin_connection(typename Protocol::socket socket) {
    const auto state = state_.lock();
    if (!state) return;
    if (*open_ < state->limits.connections) {
      std::make_shared<HttpConnection<State, Protocol>>(state, open_, std::move(socket))->run();
    } else if (full_log_.allow()) {
      log::warn(
          "status_busy connections={} suppressed={} impact=\"further requests get no answer; "
          "exporting goes on\" fix=\"let fewer programs ask at the same time\"",
          *open_, full_log_.suppressed());
    }
  }

  std::weak_ptr<State> state_;  ///< which owns this
  /// Of its own: clients of this listener do not affect another one.
  std::shared_ptr<std::size_t> open_ = std::make_shared<std::size_t>(0);
  log::RateLimit full_log_;
  typename Protocol::acceptor acceptor_;
  Timer pause_;
  PendingHandlers pending_;
};

}  // namespace

Response HttpServer::Shared::answer(const Request& request, bool by_tcp) {
  if (!has_valid_host(request)) {
    return plain(http::status::bad_request, "expected one Host, as HTTP/1.1 demands");
  }
  const Asked asked = asked_by(request.target());
  if (by_tcp && !is_for(hosts, request, asked)) {
    return plain(http::status::misdirected_request,
                 "expected a numeric address, a local name or one of status.hosts as the host; ask "
                 "by address, or add the name to status.hosts");
  }
  for (MadePage& page : pages) {
    if (page.page.path != asked.path) continue;
    if (request.method() == http::verb::get || request.method() == http::verb::head) {
      return show(page);
    }
    Response response = plain(http::status::method_not_allowed, "only GET and HEAD");
    response.set(http::field::allow, "GET, HEAD");
    return response;
  }
  std::string known;
  for (const MadePage& page : pages) known += " " + page.page.path;
  return plain(http::status::not_found, "there are only these pages:" + known);
}

Response HttpServer::Shared::show(MadePage& page) {
  const MonoTime now = std::chrono::steady_clock::now();
  if (!page.made || now - *page.made >= std::max(limits.page_age, page.page.age)) {
    try {
      page.text = page.page.make();
      page.made = now;
    } catch (const std::exception& error) {
      if (page_log.allow()) {
        log::error(
            "status_failed error={} impact=\"requests get no answer; exporting goes on\" fix=\"see "
            "the error; tried again with the next request\"",
            log::quoted(error.what()));
      }
      return plain(http::status::internal_server_error, "see ctflowd's log");
    }
  }
  Response response(http::status::ok, 11);
  response.set(http::field::content_type, page.page.content_type);
  for (const auto& [name, value] : page.page.headers) response.set(name, value);
  response.body() = page.text;
  return response;
}

HttpServer::HttpServer(boost::asio::io_context& io, std::vector<Page> pages, Limits limits,
                       const std::vector<std::string>& hosts)
    : shared_(std::make_shared<Shared>(io, std::move(pages), limits, hosts)) {}

HttpServer::~HttpServer() {
  shared_->of_connections.revoke();
  shared_->listeners.clear();
}

void HttpServer::serve(boost::asio::local::stream_protocol::acceptor acceptor) {
  auto listener = std::make_unique<Listener<Shared, boost::asio::local::stream_protocol>>(
      shared_, std::move(acceptor));
  listener->accept();
  shared_->listeners.push_back(std::move(listener));
}

void HttpServer::serve(boost::asio::ip::tcp::acceptor acceptor) {
  auto listener =
      std::make_unique<Listener<Shared, boost::asio::ip::tcp>>(shared_, std::move(acceptor));
  listener->accept();
  shared_->listeners.push_back(std::move(listener));
}

}  // namespace ctflow
