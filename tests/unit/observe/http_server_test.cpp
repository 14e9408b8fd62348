// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/http_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <stdexcept>

#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

using boost::asio::ip::tcp;
using std::chrono::milliseconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class HttpServerTest : public testing::Test {
 protected:
  void serve(HttpServer::Limits limits) {
    std::vector<HttpServer::Page> pages{
        {"/count", "text/plain", [this] { return std::to_string(++made_); }},
        {"/large", "text/plain", [] { return std::string(std::size_t{8} << 20, 'x'); }},
        {"/broken", "text/plain", []() -> std::string { throw std::runtime_error("no"); }}};
    server_.emplace(io_, std::move(pages), limits, std::vector<std::string>{"x", "router.example"});
    tcp::acceptor acceptor(io_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
    endpoint_ = acceptor.local_endpoint();
    server_->serve(std::move(acceptor));
  }
  void serve() { serve(HttpServer::Limits()); }

  tcp::socket connect() {
    tcp::socket socket(io_);
    socket.connect(endpoint_);
    return socket;
  }

  /// What comes until the server closes the connection; "" also when it resets it.
  template <typename Socket>
  std::string read_all(Socket& socket) {
    std::string answer;
    bool ended = false;
    boost::asio::async_read(socket, boost::asio::dynamic_buffer(answer),
                            [&](const boost::system::error_code&, std::size_t) { ended = true; });
    const auto latest = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!ended && std::chrono::steady_clock::now() < latest) {
      io_.run_one_for(milliseconds(100));
    }
    EXPECT_TRUE(ended) << "the server kept the connection";
    boost::system::error_code ignored;
    socket.close(ignored);
    io_.poll();
    return answer;
  }

  std::string ask(const std::string& request) {
    tcp::socket socket = connect();
    boost::asio::write(socket, boost::asio::buffer(request));
    return read_all(socket);
  }
  std::string get(const std::string& path) {
    return ask("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
  }

  boost::asio::io_context io_;
  std::optional<HttpServer> server_;
  tcp::endpoint endpoint_;
  int made_ = 0;
};

TEST_F(HttpServerTest, ServesAPageAndCloses) {
  serve();
  const std::string answer = get("/count?x=1");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 1\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n1"));
}

TEST_F(HttpServerTest, AnswersHeadWithoutBody) {
  serve();
  const std::string answer = ask("HEAD /count HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 1\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, RefusesOtherPathsAndMethods) {
  serve();
  EXPECT_THAT(get("/"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(get("/count/"), StartsWith("HTTP/1.1 404 "));
  const std::string answer = ask("POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(answer, HasSubstr("Allow: GET, HEAD\r\n"));
  EXPECT_EQ(made_, 0);
}

TEST_F(HttpServerTest, RefusesAMethodWithABodyForTheMethod) {
  serve();
  for (const std::string body : {"Content-Length: 5\r\n\r\nhello",
                                 "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"}) {
    const std::string answer = ask("POST /count HTTP/1.1\r\nHost: x\r\n" + body);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 "));
    EXPECT_THAT(answer, HasSubstr("Allow: GET, HEAD\r\n"));
  }
  EXPECT_EQ(made_, 0);
}

TEST_F(HttpServerTest, RefusesWhatIsNoRequest) {
  serve();
  EXPECT_THAT(ask("hello\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
}

TEST_F(HttpServerTest, RefusesARequestThatIsTooLarge) {
  serve();
  EXPECT_THAT(ask("GET /count HTTP/1.1\r\nX: " + std::string(9000, 'a')),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_EQ(made_, 0);
}

TEST_F(HttpServerTest, SurvivesAPageThatCannotBeMade) {
  serve();
  EXPECT_THAT(get("/broken"), StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(get("/count"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, MakesAPageOnlySoOften) {
  HttpServer::Limits limits;
  limits.page_age = std::chrono::hours(1);
  serve(limits);
  EXPECT_THAT(get("/count"), EndsWith("\r\n1"));
  EXPECT_THAT(get("/count"), EndsWith("\r\n1"));
  EXPECT_EQ(made_, 1);
}

TEST_F(HttpServerTest, ClosesAConnectionThatAsksNothing) {
  HttpServer::Limits limits;
  limits.request_time = milliseconds(50);
  serve(limits);
  tcp::socket silent = connect();
  EXPECT_EQ(read_all(silent), "");
}

TEST_F(HttpServerTest, ClosesAConnectionThatDoesNotRead) {
  HttpServer::Limits limits;
  limits.response_time = milliseconds(50);
  limits.connections = 1;
  serve(limits);
  tcp::socket slow = connect();
  boost::asio::write(slow,
                     boost::asio::buffer(std::string("GET /large HTTP/1.1\r\nHost: x\r\n\r\n")));
  // The only place is taken until the time is over; then others are served.
  const auto latest = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  std::string answer;
  while (answer.empty() && std::chrono::steady_clock::now() < latest) answer = get("/count");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, TakesOnlySoManyConnections) {
  HttpServer::Limits limits;
  limits.connections = 2;
  serve(limits);
  tcp::socket first = connect();
  tcp::socket second = connect();
  io_.poll();
  EXPECT_EQ(get("/count"), "");
  first.close();
  io_.poll();
  EXPECT_THAT(get("/count"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, HasRoomAtEachListenerWhateverTheOthersDo) {
  HttpServer::Limits limits;
  limits.connections = 2;
  serve(limits);
  using Local = boost::asio::local::stream_protocol;
  const test::TemporaryDirectory directory;
  const Local::endpoint local(directory.path("socket"));
  server_->serve(Local::acceptor(io_, local));
  tcp::socket first = connect();
  tcp::socket second = connect();
  io_.poll();
  ASSERT_EQ(get("/count"), "") << "this one is full";
  for (int i = 0; i < 3; ++i) {
    Local::socket operators(io_);
    operators.connect(local);
    boost::asio::write(operators,
                       boost::asio::buffer(std::string("GET /count HTTP/1.1\r\nHost:\r\n\r\n")));
    EXPECT_THAT(read_all(operators), StartsWith("HTTP/1.1 200 "));
  }
}

TEST_F(HttpServerTest, TakesATargetInAbsoluteForm) {
  serve();
  EXPECT_THAT(get("http://router.example:9995/count?x=1"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(get("HTTP://router.example/count"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(get("http://router.example"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(get("http://router.example?/count"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(get("ftp://router.example/count"), StartsWith("HTTP/1.1 404 "));
}

TEST_F(HttpServerTest, WantsOneHost) {
  serve();
  EXPECT_THAT(ask("GET /count HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(ask("GET /count HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
              StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(ask("GET /count HTTP/1.1\r\nHost: a/b\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(made_, 0);
  EXPECT_THAT(ask("GET /count HTTP/1.1\r\nHost: [::1]:9995\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(ask("GET /count HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, AnswersOnlyForItsOwnNames) {
  serve();
  const auto ask_for = [&](const std::string& host, const std::string& target = "/count") {
    return ask("GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  };
  const std::string refused = ask_for("evil.example:9995");
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 421 Misdirected Request\r\n"));
  EXPECT_THAT(refused, HasSubstr("status.hosts"));
  EXPECT_THAT(ask_for(""), StartsWith("HTTP/1.1 421 "));
  EXPECT_THAT(ask_for("evil.example", "/no-page"), StartsWith("HTTP/1.1 421 "));
  EXPECT_THAT(ask("GET /count HTTP/1.0\r\nHost: evil.example\r\n\r\n"),
              StartsWith("HTTP/1.1 421 "));
  // The host of the target counts where there is one.
  EXPECT_THAT(ask_for("router.example", "http://evil.example/count"), StartsWith("HTTP/1.1 421 "));
  EXPECT_EQ(made_, 0);
  EXPECT_THAT(ask_for("evil.example", "http://router.example/count"), StartsWith("HTTP/1.1 200 "));
  for (const char* const host : {"127.0.0.1:9995", "[::1]", "localhost", "Router.example:80"}) {
    EXPECT_THAT(ask_for(host), StartsWith("HTTP/1.1 200 ")) << host;
  }
}

TEST_F(HttpServerTest, AnswersForAnyNameAtAUnixSocket) {
  serve();
  using Local = boost::asio::local::stream_protocol;
  const test::TemporaryDirectory directory;
  const Local::endpoint local(directory.path("socket"));
  server_->serve(Local::acceptor(io_, local));
  Local::socket client(io_);
  client.connect(local);
  boost::asio::write(
      client, boost::asio::buffer(std::string("GET /count HTTP/1.1\r\nHost: any.example\r\n\r\n")));
  EXPECT_THAT(read_all(client), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, MayEndBeforeItsConnections) {
  serve();
  tcp::socket open = connect();
  io_.poll();
  server_.reset();
  boost::asio::write(open,
                     boost::asio::buffer(std::string("GET /count HTTP/1.1\r\nHost: x\r\n\r\n")));
  EXPECT_EQ(read_all(open), "");
  EXPECT_EQ(made_, 0);
}

}  // namespace
}  // namespace ctflow
