// SPDX-License-Identifier: GPL-2.0-or-later
// What the kernel says of its connection table, decoded by libnetfilter_conntrack.
//
// Usage: ct_witness. Writes lines of JSON to stdout: {"event":"listening"}, then each event of the
// connection table as it comes ("new", "update", "destroy"). Commands are lines on stdin:
//   dump   writes every connection of the table ("entry"), then {"event":"dumped"}
// At the end of stdin it reads what has arrived, writes {"event":"end","overruns":N} and ends.
// With overruns it has missed events, and what it wrote proves nothing.

#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "connection_line.hpp"

namespace {

constexpr int kBuffer = 256 << 20;  // octets of events that may wait
constexpr std::size_t kLargestDatagram = 1 << 17;

struct Closer {
  void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
  void operator()(nf_conntrack* connection) const { nfct_destroy(connection); }
};
using Socket = std::unique_ptr<mnl_socket, Closer>;
using Connection = std::unique_ptr<nf_conntrack, Closer>;

[[noreturn]] void fail(const char* what) {
  throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

/// Nanoseconds since 1970.
std::uint64_t now() {
  return static_cast<std::uint64_t>(
      std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count());
}

Socket open_socket(unsigned groups) {
  Socket socket(mnl_socket_open(NETLINK_NETFILTER));
  if (!socket) fail("socket");
  const int descriptor = mnl_socket_get_fd(socket.get());
  // The first is for the host's root alone; the second is limited by net.core.rmem_max.
  if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &kBuffer, sizeof kBuffer) != 0) {
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &kBuffer, sizeof kBuffer);
  }
  if (mnl_socket_bind(socket.get(), groups, MNL_SOCKET_AUTOPID) < 0) fail("bind");
  return socket;
}

const char* event_of(const nlmsghdr* message) {
  if (NFNL_MSG_TYPE(message->nlmsg_type) == IPCTNL_MSG_CT_DELETE) return "destroy";
  return (message->nlmsg_flags & (NLM_F_CREATE | NLM_F_EXCL)) != 0 ? "new" : "update";
}

/// Writes one message of the table; `event`: or what it is by its type.
int write_message(const nlmsghdr* message, const char* event) {
  if (NFNL_SUBSYS_ID(message->nlmsg_type) != NFNL_SUBSYS_CTNETLINK) return MNL_CB_OK;
  const Connection connection(nfct_new());
  if (!connection) fail("nfct_new");
  if (nfct_nlmsg_parse(message, connection.get()) < 0) {
    throw std::runtime_error("a message that libnetfilter_conntrack does not read");
  }
  write_connection(stdout,
                   {event != nullptr ? event : event_of(message), message->nlmsg_pid, now()},
                   connection.get());
  return MNL_CB_OK;
}

int on_event(const nlmsghdr* message, void* /*unused*/) { return write_message(message, nullptr); }
int on_entry(const nlmsghdr* message, void* /*unused*/) { return write_message(message, "entry"); }

class Witness {
 public:
  Witness()
      : events_(open_socket(NF_NETLINK_CONNTRACK_NEW | NF_NETLINK_CONNTRACK_UPDATE |
                            NF_NETLINK_CONNTRACK_DESTROY)),
        buffer_(kLargestDatagram) {}

  void run() {
    say("listening");
    std::array<pollfd, 2> polled{
        {{mnl_socket_get_fd(events_.get()), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}}};
    bool more = true;
    while (more) {
      if (poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) fail("poll");
      read_events();
      if (polled[1].revents != 0) more = read_commands();
      std::fflush(stdout);
    }
    read_events();
    std::printf("{\"event\":\"end\",\"overruns\":%u}\n", overruns_);
  }

 private:
  static void say(const char* event) {
    std::printf("{\"event\":\"%s\",\"time\":%" PRIu64 "}\n", event, now());
    std::fflush(stdout);
  }

  /// Everything that has arrived.
  void read_events() {
    while (true) {
      const ssize_t size = recv(mnl_socket_get_fd(events_.get()), buffer_.data(), buffer_.size(),
                                MSG_DONTWAIT | MSG_TRUNC);
      if (size < 0 && errno == ENOBUFS) {
        ++overruns_;
      } else if (size < 0 && errno == EAGAIN) {
        return;
      } else if (size < 0 && errno != EINTR) {
        fail("recv");
      } else if (size > static_cast<ssize_t>(buffer_.size())) {
        throw std::runtime_error("a datagram larger than the buffer");
      } else if (size > 0) {
        mnl_cb_run(buffer_.data(), static_cast<std::size_t>(size), 0, 0, on_event, nullptr);
      }
    }
  }

  /// False at the end of stdin.
  bool read_commands() {
    std::array<char, 256> text{};
    const ssize_t size = read(STDIN_FILENO, text.data(), text.size());
    if (size <= 0) return false;
    for (const char one : std::string_view(text.data(), static_cast<std::size_t>(size))) {
      if (one != '\n') {
        command_ += one;
        continue;
      }
      if (command_ != "dump") throw std::runtime_error("no command: " + command_);
      command_.clear();
      dump();
    }
    return true;
  }

  void dump() {
    const Socket socket = open_socket(0);
    nlmsghdr* request = mnl_nlmsg_put_header(buffer_.data());
    request->nlmsg_type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request->nlmsg_seq = ++sequence_;
    auto* family = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(nfgenmsg)));
    family->nfgen_family = AF_UNSPEC;
    family->version = NFNETLINK_V0;
    if (mnl_socket_sendto(socket.get(), request, request->nlmsg_len) < 0) fail("sendto");
    int state = MNL_CB_OK;
    while (state > MNL_CB_STOP) {
      const ssize_t size = mnl_socket_recvfrom(socket.get(), buffer_.data(), buffer_.size());
      if (size < 0) fail("dump");
      state = mnl_cb_run(buffer_.data(), static_cast<std::size_t>(size), sequence_,
                         mnl_socket_get_portid(socket.get()), on_entry, nullptr);
    }
    if (state < 0) fail("dump");
    say("dumped");
  }

  Socket events_;
  std::vector<char> buffer_;
  std::string command_;
  unsigned sequence_ = 0;
  unsigned overruns_ = 0;
};

}  // namespace

int main() {
  try {
    Witness().run();
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ct_witness: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
