// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/udp.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <cstring>
#include <thread>

namespace ctflow {
namespace {

using boost::asio::ip::udp;
using std::chrono::steady_clock;

/// A collector on the loopback interface.
class Receiver {
 public:
  Receiver(boost::asio::io_context& io, const udp::endpoint& endpoint) : socket_(io, endpoint) {
    const int on = 1;
    setsockopt(socket_.native_handle(), IPPROTO_IP, IP_RECVTOS, &on, sizeof on);
    const timeval patience{5, 0};
    setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }

  [[nodiscard]] std::uint16_t port() const { return socket_.local_endpoint().port(); }

  /// One datagram's text; its sender and traffic class are kept.
  std::string receive() {
    std::array<char, 2048> data{};
    std::array<char, 64> control{};
    iovec vector{data.data(), data.size()};
    msghdr message{};
    message.msg_name = sender.data();
    message.msg_namelen = static_cast<socklen_t>(sender.capacity());
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t length = recvmsg(socket_.native_handle(), &message, 0);
    if (length < 0) return "nothing received";
    sender.resize(message.msg_namelen);
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
      if (header->cmsg_type == IP_TOS) traffic_class = *CMSG_DATA(header);
    }
    return {data.data(), static_cast<std::size_t>(length)};
  }

  udp::endpoint sender;
  int traffic_class = -1;

 private:
  udp::socket socket_;
};

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// The only address of the calling thread's network namespace, on its loopback interface; 0.0.0.0:
/// none.
void set_only_address(const char* address) {
  const int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  request.ifr_name[0] = 'l';
  request.ifr_name[1] = 'o';
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  EXPECT_EQ(ioctl(file, SIOCSIFFLAGS, &request), 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  EXPECT_EQ(inet_pton(AF_INET, address, &to.sin_addr), 1);
  std::memcpy(&request.ifr_addr, &to, sizeof to);
  EXPECT_EQ(ioctl(file, SIOCSIFADDR, &request), 0);
  close(file);
}

/// Of the calling thread's network namespace.
void set_loopback_mtu(int octets) {
  const int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", 3);
  request.ifr_mtu = octets;
  EXPECT_EQ(ioctl(file, SIOCSIFMTU, &request), 0);
  close(file);
}

const udp::endpoint kLoopback4(boost::asio::ip::address_v4::loopback(), 0);
const udp::endpoint kLoopback6(boost::asio::ip::address_v6::loopback(), 0);

std::string message_of(std::errc error) { return std::make_error_code(error).message(); }

class UdpTransportTest : public testing::Test {
 protected:
  static CollectorConfig config(const std::string& address, std::uint16_t port) {
    CollectorConfig config;
    config.name = "test";
    config.address = address;
    config.port = port;
    return config;
  }

  /// A name service that has these addresses of any name.
  static Lookup::Ask answer(const std::vector<std::string>& addresses) {
    return [addresses](const std::string& /*name*/, Lookup::Addresses& found) {
      found.reserve(addresses.size());
      for (const std::string& one : addresses) {
        found.push_back(boost::asio::ip::make_address(one));
      }
      return Lookup::Error();
    };
  }

  /// Runs the event loop until the name is looked up.
  void resolve(const UdpTransport& transport) {
    const auto deadline = steady_clock::now() + std::chrono::seconds(10);
    while (transport.lookup_running() && steady_clock::now() < deadline) {
      io_.run_one_for(std::chrono::milliseconds(10));
    }
  }

  boost::asio::io_context io_;
};

TEST_F(UdpTransportTest, SendsTogetherAsDatagramsOfTheirOwn) {
  for (const auto& endpoint : {kLoopback4, kLoopback6}) {
    Receiver receiver(io_, endpoint);
    UdpTransport transport(io_, config(endpoint.address().to_string(), receiver.port()));
    EXPECT_FALSE(transport.send_together(bytes("onetwo"), 3)) << "not connected";
    EXPECT_TRUE(transport.prepare());
    ASSERT_GT(transport.messages_at_once(), 1U);
    EXPECT_TRUE(transport.send_together(bytes("onetwosi"), 3));
    EXPECT_EQ(receiver.receive(), "one");
    EXPECT_EQ(receiver.receive(), "two");
    EXPECT_EQ(receiver.receive(), "si");
  }
}

TEST_F(UdpTransportTest, SendsOneByOneWhatThePathDoesNotTakeWhole) {
  bool allowed = true;
  std::thread([&] {
    allowed = unshare(CLONE_NEWNET) == 0;
    if (!allowed) return;
    set_only_address("127.0.0.1");
    set_loopback_mtu(1000);
    Receiver receiver(io_, kLoopback4);
    UdpTransport transport(io_, config("127.0.0.1", receiver.port()));
    transport.prepare();
    const std::string two(2400, 'x');
    EXPECT_FALSE(transport.send_together(bytes(two), 1200));
    EXPECT_EQ(transport.messages_at_once(), 1U) << "not tried for each message";
    EXPECT_TRUE(transport.send(bytes(two).first(1200)).is_sent());
    EXPECT_EQ(receiver.receive().size(), 1200U);
  }).join();
  if (!allowed) GTEST_SKIP() << "a network namespace needs root";
}

TEST_F(UdpTransportTest, SendsToIpv4) {
  Receiver receiver(io_, kLoopback4);
  UdpTransport transport(io_, config("127.0.0.1", receiver.port()));
  EXPECT_TRUE(transport.prepare());
  EXPECT_FALSE(transport.prepare());
  EXPECT_TRUE(transport.send(bytes("message")).is_sent());
  EXPECT_EQ(receiver.receive(), "message");
  EXPECT_EQ(transport.status().peer, "127.0.0.1:" + std::to_string(receiver.port()));
}

TEST_F(UdpTransportTest, SendsToIpv6) {
  Receiver receiver(io_, kLoopback6);
  UdpTransport transport(io_, config("::1", receiver.port()));
  EXPECT_TRUE(transport.prepare());
  EXPECT_TRUE(transport.send(bytes("message")).is_sent());
  EXPECT_EQ(receiver.receive(), "message");
  EXPECT_EQ(transport.status().peer, "[::1]:" + std::to_string(receiver.port()));
}

TEST_F(UdpTransportTest, SendsFromTheConfiguredAddressWithTheConfiguredDscp) {
  Receiver receiver(io_, kLoopback4);
  CollectorConfig settings = config("127.0.0.1", receiver.port());
  settings.source_address = "127.0.0.9";
  settings.dscp = 46;
  settings.bind_device = "lo";
  UdpTransport transport(io_, settings);
  transport.prepare();
  EXPECT_TRUE(transport.send(bytes("message")).is_sent());
  EXPECT_EQ(receiver.receive(), "message");
  EXPECT_EQ(receiver.sender.address().to_string(), "127.0.0.9");
  EXPECT_EQ(receiver.traffic_class, 46 << 2);
}

TEST_F(UdpTransportTest, SendsToAnIpv4AddressWithinIpv6) {
  Receiver receiver(io_, kLoopback4);
  CollectorConfig settings = config("::ffff:127.0.0.1", receiver.port());
  settings.dscp = 46;
  UdpTransport transport(io_, settings);
  transport.prepare();
  EXPECT_TRUE(transport.send(bytes("message")).is_sent());
  EXPECT_EQ(receiver.receive(), "message");
  EXPECT_EQ(receiver.traffic_class, 46 << 2);
}

TEST_F(UdpTransportTest, LooksANameUpInTheBackground) {
  Receiver receiver(io_, kLoopback4);
  CollectorConfig settings = config("localhost", receiver.port());
  settings.source_address = "127.0.0.1";  // also chooses the address family
  UdpTransport transport(io_, settings);
  EXPECT_TRUE(transport.lookup_running());
  EXPECT_TRUE(transport.prepare());
  EXPECT_EQ(transport.send(bytes("too early")).loss(), LossReason::kUnresolved);
  resolve(transport);
  EXPECT_TRUE(transport.prepare()) << "the new address has not seen the templates";
  EXPECT_TRUE(transport.send(bytes("message")).is_sent());
  EXPECT_EQ(receiver.receive(), "message");
}

TEST_F(UdpTransportTest, AsksForTemplatesBeforeAMessageThatWasBegunBeforeTheAddressWasKnown) {
  Receiver receiver(io_, kLoopback4);
  CollectorConfig settings = config("localhost", receiver.port());
  settings.source_address = "127.0.0.1";
  UdpTransport transport(io_, settings);
  EXPECT_TRUE(transport.prepare());
  resolve(transport);
  EXPECT_TRUE(transport.send(bytes("begun")).is_again());
  EXPECT_TRUE(transport.prepare());
  EXPECT_TRUE(transport.send(bytes("templates")).is_sent());
  EXPECT_TRUE(transport.send(bytes("begun")).is_sent());
  EXPECT_EQ(receiver.receive(), "templates");
  EXPECT_EQ(receiver.receive(), "begun");
}

TEST_F(UdpTransportTest, ReportsEveryMessageThatCouldNotLeave) {
  bool allowed = true;
  std::thread([&] {
    allowed = unshare(CLONE_NEWNET) == 0;
    if (!allowed) return;
    set_only_address("192.0.2.1");
    UdpTransport transport(io_, config("192.0.2.1", 4739));
    transport.prepare();
    EXPECT_TRUE(transport.send(bytes("leaves")).is_sent());
    set_only_address("0.0.0.0");
    EXPECT_EQ(transport.send(bytes("1")).loss(), LossReason::kSendError);
    for (const char* const text : {"2", "3"}) {
      transport.prepare();
      EXPECT_EQ(transport.send(bytes(text)).loss(), LossReason::kSendError)
          << "within the second in which the socket is not connected again";
      EXPECT_EQ(transport.status().last_failure.kind, FailureKind::kUnreachable);
    }
  }).join();
  if (!allowed) GTEST_SKIP() << "a network namespace needs root";
}

TEST_F(UdpTransportTest, KeepsTheSourcePortWhenTheNameIsLookedUpAgain) {
  Receiver receiver(io_, kLoopback4);
  CollectorConfig settings = config("localhost", receiver.port());
  settings.source_address = "127.0.0.1";
  settings.resolve_interval = std::chrono::milliseconds(1);
  UdpTransport transport(io_, settings);
  resolve(transport);
  transport.prepare();
  const udp::endpoint before = transport.local_endpoint();
  for (int i = 0; i < 100; ++i) io_.run_one_for(std::chrono::milliseconds(1));
  EXPECT_FALSE(transport.prepare()) << "the address is still the same";
  EXPECT_EQ(transport.local_endpoint(), before);
}

// Resolvers put IPv6 first, whether or not this host has it.
TEST_F(UdpTransportTest, GoesOnToTheNextAddressWhereOneCannotBeReached) {
  bool allowed = true;
  std::thread([&] {
    allowed = unshare(CLONE_NEWNET) == 0;
    if (!allowed) return;
    set_only_address("127.0.0.1");
    Receiver receiver(io_, kLoopback4);
    CollectorConfig settings = config("collector.example", receiver.port());
    settings.resolve_interval = std::chrono::milliseconds(1);
    UdpTransport transport(io_, settings, answer({"2001:db8::1", "198.51.100.1", "127.0.0.1"}));
    resolve(transport);
    EXPECT_TRUE(transport.prepare());
    EXPECT_EQ(transport.status().peer, fmt::format("127.0.0.1:{}", receiver.port()));
    EXPECT_TRUE(transport.send(bytes("arrives")).is_sent());
    EXPECT_EQ(receiver.receive(), "arrives");
    const udp::endpoint before = transport.local_endpoint();
    for (int i = 0; i < 20; ++i) io_.run_one_for(std::chrono::milliseconds(5));
    EXPECT_FALSE(transport.prepare()) << "the same as long as the name has it";
    EXPECT_EQ(transport.local_endpoint(), before);
  }).join();
  if (!allowed) GTEST_SKIP() << "a network namespace needs root";
}

TEST_F(UdpTransportTest, GoesOnToAnotherAddressWhenItsOwnGoes) {
  bool allowed = true;
  std::thread([&] {
    allowed = unshare(CLONE_NEWNET) == 0;
    if (!allowed) return;
    set_only_address("192.0.2.1");
    UdpTransport transport(io_, config("collector.example", 4739),
                           answer({"192.0.2.1", "127.0.0.1", "198.51.100.1"}));
    resolve(transport);
    transport.prepare();
    EXPECT_EQ(transport.status().peer, "192.0.2.1:4739");
    EXPECT_TRUE(transport.send(bytes("leaves")).is_sent());
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // between attempts to connect
    set_only_address("127.0.0.1");
    EXPECT_EQ(transport.send(bytes("again")), SendResult::again()) << "with the templates first";
    EXPECT_EQ(transport.status().peer, "127.0.0.1:4739");
    EXPECT_TRUE(transport.prepare());
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    set_only_address("0.0.0.0");
    EXPECT_EQ(transport.send(bytes("lost")).loss(), LossReason::kSendError);
    EXPECT_EQ(transport.status().peer, "127.0.0.1:4739") << "none is better";
  }).join();
  if (!allowed) GTEST_SKIP() << "a network namespace needs root";
}

TEST_F(UdpTransportTest, SurvivesANameThatDoesNotExist) {
  UdpTransport transport(io_, config("collector.invalid", 4739));
  resolve(transport);
  EXPECT_FALSE(transport.lookup_running());
  transport.prepare();
  EXPECT_EQ(transport.send(bytes("message")).loss(), LossReason::kUnresolved);
  EXPECT_EQ(transport.status().peer, "collector.invalid");
}

TEST_F(UdpTransportTest, CountsRefusalsAndAsksForTemplatesAgain) {
  std::uint16_t port = 0;
  {
    Receiver gone(io_, kLoopback4);
    port = gone.port();
  }
  UdpTransport transport(io_, config("127.0.0.1", port));
  transport.prepare();
  EXPECT_TRUE(transport.send(bytes("refused")).is_sent());
  EXPECT_TRUE(transport.prepare()) << "whoever listens next has no templates";
  EXPECT_EQ(transport.refusals(), 1U);
  Receiver back(io_, udp::endpoint(boost::asio::ip::address_v4::loopback(), port));
  EXPECT_TRUE(transport.send(bytes("heard")).is_sent())
      << "a refusal does not cost the next message";
  EXPECT_EQ(back.receive(), "heard");
}

TEST_F(UdpTransportTest, AsksForTemplatesWhereAnotherSocketWasRefused) {
  std::uint16_t port = 0;
  {
    Receiver gone(io_, kLoopback4);
    port = gone.port();
  }
  UdpTransport refused(io_, config("127.0.0.1", port));
  UdpTransport quiet(io_, config("127.0.0.1", port));
  UdpTransport elsewhere(io_, config("127.0.0.2", port));
  for (UdpTransport* one : {&refused, &quiet, &elsewhere}) {
    EXPECT_TRUE(one->prepare());
    EXPECT_FALSE(one->prepare());
  }
  EXPECT_TRUE(refused.send(bytes("refused")).is_sent());
  EXPECT_TRUE(refused.prepare());
  EXPECT_TRUE(quiet.prepare()) << "the same program does not listen";
  EXPECT_EQ(quiet.refusals(), 0U);
  EXPECT_FALSE(elsewhere.prepare());
}

TEST_F(UdpTransportTest, KeepsMessagesSmallEnoughForAnyIpv6Path) {
  UdpTransport four(io_, config("127.0.0.1", 4739));
  EXPECT_EQ(four.longest_message(), 1400U) << "routers divide what is too large";
  UdpTransport six(io_, config("::1", 4739));
  EXPECT_EQ(six.longest_message(), 1232U);
  CollectorConfig large = config("::1", 4739);
  large.max_message_size = 8000;
  UdpTransport asked_for(io_, large);
  EXPECT_EQ(asked_for.longest_message(), 8000U);
}

TEST_F(UdpTransportTest, SendsLargeMessagesByIpv6InParts) {
  Receiver receiver(io_, kLoopback6);
  CollectorConfig large = config("::1", receiver.port());
  large.max_message_size = 2000;
  UdpTransport transport(io_, large);
  transport.prepare();
  const std::string text(2000, 'x');
  EXPECT_TRUE(transport.send(bytes(text)).is_sent());
  EXPECT_EQ(receiver.receive(), text);
}

TEST_F(UdpTransportTest, IsDestroyedWhileANameIsLookedUp) {
  for (int i = 0; i < 20; ++i) {
    UdpTransport transport(io_, config("localhost", 4739));
    if (i % 2 == 0) io_.poll();
  }
  io_.run_for(std::chrono::milliseconds(50));
}

TEST_F(UdpTransportTest, ReportsAMessageThatIsTooLong) {
  Receiver receiver(io_, kLoopback4);
  UdpTransport transport(io_, config("127.0.0.1", receiver.port()));
  transport.prepare();
  const std::vector<std::byte> oversize(70'000);
  EXPECT_EQ(transport.send(oversize).loss(), LossReason::kSendError);
  EXPECT_EQ(transport.status().last_failure.reason, message_of(std::errc::message_size));
}

TEST_F(UdpTransportTest, ReportsAnAddressThatThisHostDoesNotHave) {
  CollectorConfig settings = config("127.0.0.1", 4739);
  settings.source_address = "192.0.2.1";
  UdpTransport transport(io_, settings);
  EXPECT_TRUE(transport.prepare());
  EXPECT_EQ(transport.send(bytes("message")).loss(), LossReason::kSendError);
  EXPECT_EQ(transport.status().last_failure.reason, message_of(std::errc::address_not_available));
}

TEST_F(UdpTransportTest, ReportsADeviceThatDoesNotExist) {
  CollectorConfig settings = config("127.0.0.1", 4739);
  settings.bind_device = "no-such-device";
  UdpTransport transport(io_, settings);
  transport.prepare();
  EXPECT_EQ(transport.send(bytes("message")).loss(), LossReason::kSendError);
  EXPECT_EQ(transport.status().last_failure.reason, message_of(std::errc::no_such_device));
}

}  // namespace
}  // namespace ctflow
