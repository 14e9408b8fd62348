// SPDX-License-Identifier: GPL-2.0-or-later
// Makes connections through a router, each of one packet both ways, and ends them again.
//
// usage: connections CLIENT SERVER ROUTER SOURCE DESTINATION COUNT RATE LIFE [PACKETS [OCTETS]]
//
// CLIENT, SERVER and ROUTER are files of network namespaces. COUNT connections of UDP from SOURCE
// to DESTINATION begin, RATE in a second (0: as fast as it goes), and are removed from the router's
// table LIFE milliseconds later (0: they stay). Each has PACKETS packets of OCTETS octets (IP
// header included) each way; the rest of its packets follow the first ones at once. Prints how many
// seconds it took.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBatch = 64;
constexpr std::uint32_t kPorts = 60'000;
constexpr std::uint16_t kFirstPort = 1'000;

struct Tuple {
  in_addr_t source;
  in_addr_t destination;
  std::uint16_t source_port;
  std::uint16_t port;
};

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

int socket_in(const std::string& space, int family, int kind, int protocol) {
  const int home = checked(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "namespace");
  const int there = checked(open(space.c_str(), O_RDONLY | O_CLOEXEC), space.c_str());
  checked(setns(there, CLONE_NEWNET), "setns");
  const int made = checked(socket(family, kind, protocol), "socket");
  checked(setns(home, CLONE_NEWNET), "setns");
  close(there);
  close(home);
  return made;
}

/// Packets with any ports, without a socket for each of them.
class Packets {
 public:
  Packets(const std::string& space, std::size_t octets)
      : socket_(socket_in(space, AF_INET, SOCK_RAW, IPPROTO_RAW)), octets_(octets) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      data_[i].assign(octets, 0);
      vectors_[i] = {data_[i].data(), octets};
      messages_[i].msg_hdr.msg_iov = &vectors_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
      messages_[i].msg_hdr.msg_name = &addresses_[i];
      messages_[i].msg_hdr.msg_namelen = sizeof(addresses_[i]);
    }
  }

  void add(const Tuple& tuple) {
    iphdr ip{};
    ip.version = 4;
    ip.ihl = sizeof(ip) / 4;
    ip.tot_len = htons(static_cast<std::uint16_t>(octets_));
    ip.ttl = 64;
    ip.protocol = IPPROTO_UDP;
    ip.saddr = tuple.source;
    ip.daddr = tuple.destination;
    udphdr udp{};
    udp.source = htons(tuple.source_port);
    udp.dest = htons(tuple.port);
    udp.len = htons(static_cast<std::uint16_t>(octets_ - sizeof(ip)));
    std::memcpy(data_[used_].data(), &ip, sizeof(ip));
    std::memcpy(data_[used_].data() + sizeof(ip), &udp, sizeof(udp));
    addresses_[used_].sin_family = AF_INET;
    addresses_[used_].sin_addr.s_addr = tuple.destination;
    if (++used_ == kBatch) send();
  }

  void send() {
    for (std::size_t sent = 0; sent < used_;) {
      const int now =
          sendmmsg(socket_, messages_.data() + sent, static_cast<unsigned>(used_ - sent), 0);
      if (now < 0 && errno != ENOBUFS) checked(now, "sendmmsg");
      if (now > 0) sent += static_cast<std::size_t>(now);
    }
    used_ = 0;
  }

 private:
  int socket_;
  std::size_t octets_;
  std::array<std::vector<std::uint8_t>, kBatch> data_;
  std::array<iovec, kBatch> vectors_{};
  std::array<sockaddr_in, kBatch> addresses_{};
  std::array<mmsghdr, kBatch> messages_{};
  std::size_t used_ = 0;
};

/// Removes entries from the table of the router, some with each message.
class Ends {
 public:
  explicit Ends(const std::string& router)
      : socket_(socket_in(router, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER)) {}

  void add(const Tuple& tuple) {
    const std::size_t begin = message_.size();
    nlmsghdr header{};
    header.nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;
    header.nlmsg_flags = NLM_F_REQUEST;
    append(header);
    nfgenmsg family{};
    family.nfgen_family = AF_INET;
    append(family);
    const std::size_t whole = nest(CTA_TUPLE_ORIG);
    const std::size_t addresses = nest(CTA_TUPLE_IP);
    attribute(CTA_IP_V4_SRC, tuple.source);
    attribute(CTA_IP_V4_DST, tuple.destination);
    end(addresses);
    const std::size_t protocol = nest(CTA_TUPLE_PROTO);
    attribute(CTA_PROTO_NUM, std::uint8_t{IPPROTO_UDP});
    attribute(CTA_PROTO_SRC_PORT, htons(tuple.source_port));
    attribute(CTA_PROTO_DST_PORT, htons(tuple.port));
    end(protocol);
    end(whole);
    const auto length = static_cast<std::uint32_t>(message_.size() - begin);
    std::memcpy(message_.data() + begin, &length, sizeof(length));
    if (++used_ == kBatch) send();
  }

  void send() {
    if (used_ == 0) return;
    checked(static_cast<int>(::send(socket_, message_.data(), message_.size(), 0)), "delete");
    // What is not there any more is told as an error; nobody needs to know here.
    std::array<std::uint8_t, 65536> answers;
    while (recv(socket_, answers.data(), answers.size(), MSG_DONTWAIT) > 0) {
    }
    message_.clear();
    used_ = 0;
  }

 private:
  template <typename T>
  void append(const T& value) {
    const std::size_t at = message_.size();
    message_.resize(at + (sizeof(value) + 3) / 4 * 4);
    std::memcpy(message_.data() + at, &value, sizeof(value));
  }
  template <typename T>
  void attribute(std::uint16_t type, const T& value) {
    append(nlattr{static_cast<std::uint16_t>(sizeof(nlattr) + sizeof(value)), type});
    append(value);
  }
  std::size_t nest(int type) {
    const std::size_t at = message_.size();
    append(nlattr{0, static_cast<std::uint16_t>(type | NLA_F_NESTED)});
    return at;
  }
  void end(std::size_t at) {
    const auto length = static_cast<std::uint16_t>(message_.size() - at);
    std::memcpy(message_.data() + at, &length, sizeof(length));
  }

  int socket_;
  std::vector<std::uint8_t> message_;
  std::size_t used_ = 0;
};

struct Load {
  in_addr_t source;
  in_addr_t destination;
  std::uint64_t count;
  double rate;
  std::chrono::milliseconds life;
  unsigned packets = 1;
  std::size_t octets = 68;

  [[nodiscard]] Tuple tuple(std::uint64_t i) const {
    return {source, destination, static_cast<std::uint16_t>(kFirstPort + i / kPorts % kPorts),
            static_cast<std::uint16_t>(kFirstPort + i % kPorts)};
  }
};

class Traffic {
 public:
  Traffic(char** spaces, const Load& load)
      : load_(load),
        client_(spaces[0], load.octets),
        server_(spaces[1], load.octets),
        ends_(spaces[2]) {}

  void run() {
    const Clock::time_point began = Clock::now();
    while (ended_ < load_.count) {
      const Clock::duration passed = Clock::now() - began;
      begin_until(due(passed));
      if (load_.life.count() == 0) {
        ended_ = begun_;
        if (load_.rate == 0) continue;
      } else {
        end_until(std::min(due(passed - load_.life), begun_));
      }
      if (load_.rate > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

 private:
  [[nodiscard]] std::uint64_t due(Clock::duration passed) const {
    if (load_.rate == 0) return passed.count() < 0 ? 0 : std::min(load_.count, begun_ + kBatch);
    const double wanted = std::chrono::duration<double>(passed).count() * load_.rate;
    return wanted <= 0 ? 0 : std::min(load_.count, static_cast<std::uint64_t>(wanted));
  }

  void begin_until(std::uint64_t end) {
    constexpr std::uint64_t kAtOnce = 256;  // no more than a device's queue holds
    while (begun_ < end) {
      const std::uint64_t part = std::min(end, begun_ + kAtOnce);
      for (unsigned packet = 0; packet < load_.packets; ++packet) send(begun_, part);
      begun_ = part;
    }
  }

  void send(std::uint64_t begin, std::uint64_t end) {
    for (std::uint64_t i = begin; i < end; ++i) client_.add(load_.tuple(i));
    client_.send();
    for (std::uint64_t i = begin; i < end; ++i) {
      const Tuple there = load_.tuple(i);
      server_.add({there.destination, there.source, there.port, there.source_port});
    }
    server_.send();
  }

  void end_until(std::uint64_t end) {
    for (; ended_ < end; ++ended_) ends_.add(load_.tuple(ended_));
    ends_.send();
  }

  Load load_;
  Packets client_;
  Packets server_;
  Ends ends_;
  std::uint64_t begun_ = 0;
  std::uint64_t ended_ = 0;
};

in_addr_t address(const char* text) {
  in_addr result{};
  if (inet_pton(AF_INET, text, &result) != 1) {
    throw std::invalid_argument(std::string(text) + " is no IPv4 address");
  }
  return result.s_addr;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int kFewest = 9;
  if (argc < kFewest) {
    std::fputs(
        "usage: connections CLIENT SERVER ROUTER SOURCE DESTINATION COUNT RATE LIFE [PACKETS "
        "[OCTETS]]\n",
        stderr);
    return 2;
  }
  try {
    Load load{address(argv[4]), address(argv[5]), std::stoull(argv[6]), std::stod(argv[7]),
              std::chrono::milliseconds(std::stoll(argv[8]))};
    if (argc > kFewest) load.packets = static_cast<unsigned>(std::stoul(argv[9]));
    if (argc > kFewest + 1) load.octets = std::stoul(argv[10]);
    Traffic traffic(argv + 1, load);
    const Clock::time_point began = Clock::now();
    traffic.run();
    std::printf("%.6f\n", std::chrono::duration<double>(Clock::now() - began).count());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "connections: %s\n", error.what());
    return 1;
  }
}
