// SPDX-License-Identifier: GPL-2.0-or-later
// A small HTTP server inside the event loop, for pages that are made on request. It takes bounded
// memory and bounded time, independent of the clients.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ctflow {

class HttpServer {
 public:
  struct Page {
    std::string path;  ///< "/metrics"
    std::string content_type;
    std::function<std::string()> make;  ///< may throw: then the answer is 500
    std::vector<std::pair<std::string, std::string>> headers{};  ///< further ones of the answer
    std::chrono::milliseconds age{0};  ///< it is made no more often, if that is more than page_age
  };
  struct Limits {
    std::size_t connections = 16;       ///< at once, of each listener; others are closed at once
    std::size_t request_octets = 8192;  ///< the request line with all headers
    std::chrono::milliseconds request_time{3000};   ///< from connecting to the whole request
    std::chrono::milliseconds response_time{5000};  ///< until the client has read the answer
    /// A page is made at most that often; an earlier request gets the same again.
    std::chrono::milliseconds page_age{50};
  };

  /// `hosts`: names that requests by TCP may be for, beside numeric addresses and localhost. Others
  /// are answered with 421. Who reaches a unix socket is no browser: there any name will do.
  HttpServer(boost::asio::io_context& io, std::vector<Page> pages, Limits limits,
             const std::vector<std::string>& hosts = {});
  ~HttpServer();

  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  HttpServer(HttpServer&&) = delete;
  HttpServer& operator=(HttpServer&&) = delete;

  /// Serves connections of an acceptor that listens already.
  void serve(boost::asio::local::stream_protocol::acceptor acceptor);
  void serve(boost::asio::ip::tcp::acceptor acceptor);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;  ///< with the requests, which may end later
};

}  // namespace ctflow
