// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_compat.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <vector>

/// Reads what waits at a netlink socket, many datagrams by each call.
class EventBatch {
 public:
  EventBatch() {
    for (std::size_t i = 0; i < kDatagrams; ++i) {
      data_[i].resize(kOctets);
      vectors_[i] = {data_[i].data(), kOctets};
      messages_[i].msg_hdr.msg_iov = &vectors_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  /// Calls `take(const nlmsghdr&)` for each event until none is left; how often the kernel had no
  /// room.
  template <typename Take>
  std::uint64_t drain(int descriptor, Take take) {
    std::uint64_t overruns = 0;
    for (;;) {
      const int read = recvmmsg(descriptor, messages_.data(), kDatagrams, MSG_DONTWAIT, nullptr);
      if (read < 0 && errno == ENOBUFS) {
        ++overruns;
        continue;
      }
      if (read <= 0) return overruns;
      for (int i = 0; i < read; ++i) walk(messages_[static_cast<std::size_t>(i)], take);
    }
  }

 private:
  static constexpr std::size_t kDatagrams = 64;
  static constexpr std::size_t kOctets = 8192;

  template <typename Take>
  static void walk(const mmsghdr& message, Take& take) {
    const auto* at = static_cast<const char*>(message.msg_hdr.msg_iov->iov_base);
    for (const char* const end = at + message.msg_len; at + sizeof(nlmsghdr) <= end;) {
      const auto* header = reinterpret_cast<const nlmsghdr*>(at);
      if (header->nlmsg_len < sizeof(nlmsghdr)) return;
      take(*header);
      at += (header->nlmsg_len + 3) / 4 * 4;
    }
  }

  std::array<std::vector<char>, kDatagrams> data_;
  std::array<iovec, kDatagrams> vectors_{};
  std::array<mmsghdr, kDatagrams> messages_{};
};

/// Joins the group of ends of connections; false with errno.
inline bool listen_for_ends(int descriptor, int receive_buffer) {
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = NF_NETLINK_CONNTRACK_DESTROY;
  return setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer,
                    sizeof(receive_buffer)) == 0 &&
         bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

/// Waits for an event for at most 100 ms, and lets more of them gather; false if there is none.
inline bool wait_for_events(int descriptor, long milliseconds) {
  constexpr int kLongest = 100;
  pollfd waiting{descriptor, POLLIN, 0};
  if (poll(&waiting, 1, kLongest) <= 0) return false;
  const timespec gather{milliseconds / 1000, milliseconds % 1000 * 1'000'000};
  if (milliseconds > 0) nanosleep(&gather, nullptr);
  return true;
}
