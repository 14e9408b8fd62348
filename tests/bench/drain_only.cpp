// SPDX-License-Identifier: GPL-2.0-or-later
// The floor of all readers of ends of connections: takes each event out of the kernel and looks no
// further than at the headers. Like them it lets events gather for a while before it reads.
//
// usage: drain_only [MILLISECONDS [RECEIVE_BUFFER]]
//
// Prints "ready", and at SIGTERM how many ends it has read and how often the kernel had no room.
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_compat.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

namespace {

constexpr std::size_t kBatch = 64;
constexpr std::size_t kOctets = 8192;

volatile std::sig_atomic_t stopped = 0;

struct Counts {
  unsigned long long ends = 0;
  unsigned long long overruns = 0;
};

class Batch {
 public:
  Batch() {
    for (std::size_t i = 0; i < kBatch; ++i) {
      data_[i].resize(kOctets);
      vectors_[i] = {data_[i].data(), kOctets};
      messages_[i].msg_hdr.msg_iov = &vectors_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  /// Reads until nothing is left.
  void drain(int descriptor, Counts& counts) {
    for (;;) {
      const int read = recvmmsg(descriptor, messages_.data(), kBatch, MSG_DONTWAIT, nullptr);
      if (read < 0 && errno == ENOBUFS) {
        ++counts.overruns;
        continue;
      }
      if (read <= 0) return;
      for (int i = 0; i < read; ++i) {
        counts.ends += count(messages_[static_cast<std::size_t>(i)]);
      }
    }
  }

 private:
  static unsigned long long count(const mmsghdr& message) {
    unsigned long long ends = 0;
    int left = static_cast<int>(message.msg_len);
    for (const auto* header = static_cast<const nlmsghdr*>(message.msg_hdr.msg_iov->iov_base);
         NLMSG_OK(header, static_cast<unsigned>(left)); header = NLMSG_NEXT(header, left)) {
      ++ends;
    }
    return ends;
  }

  std::array<std::vector<char>, kBatch> data_;
  std::array<iovec, kBatch> vectors_{};
  std::array<mmsghdr, kBatch> messages_{};
};

}  // namespace

int main(int argc, char** argv) {
  const long delay = argc > 1 ? std::atol(argv[1]) : 2;
  const int buffer = argc > 2 ? std::atoi(argv[2]) : 32 << 20;
  struct sigaction action {};
  action.sa_handler = [](int) { stopped = 1; };
  sigaction(SIGTERM, &action, nullptr);
  const int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = NF_NETLINK_CONNTRACK_DESTROY;
  if (descriptor < 0 ||
      bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    std::perror("drain_only");
    return 1;
  }
  setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
  std::puts("ready");
  std::fflush(stdout);
  Batch batch;
  Counts counts;
  pollfd waiting{descriptor, POLLIN, 0};
  const timespec gather{delay / 1000, delay % 1000 * 1'000'000};
  while (stopped == 0) {
    if (poll(&waiting, 1, -1) <= 0) continue;
    if (delay > 0) nanosleep(&gather, nullptr);
    batch.drain(descriptor, counts);
  }
  batch.drain(descriptor, counts);
  std::printf("ends=%llu overruns=%llu\n", counts.ends, counts.overruns);
}
