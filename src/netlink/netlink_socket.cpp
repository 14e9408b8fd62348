// SPDX-License-Identifier: GPL-2.0-or-later
#include "netlink/netlink_socket.hpp"

#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace ctflow {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

void NetlinkSocket::Closer::operator()(mnl_socket* socket) const { mnl_socket_close(socket); }

NetlinkSocket::NetlinkSocket(int protocol, std::uint32_t groups)
    : socket_(mnl_socket_open2(protocol, SOCK_NONBLOCK | SOCK_CLOEXEC)), groups_(groups) {
  if (!socket_) fail("opening a netlink socket");
  if (mnl_socket_bind(socket_.get(), groups, MNL_SOCKET_AUTOPID) == 0) return;
  if (groups == 0) fail("binding a netlink socket");
  fail(
      "reading conntrack events needs CAP_NET_ADMIN in this network namespace: start ctflowd as "
      "root, or give the file the capability (setcap cap_net_admin+ep FILE), or the service "
      "(AmbientCapabilities=CAP_NET_ADMIN)");
}

int NetlinkSocket::descriptor() const { return mnl_socket_get_fd(socket_.get()); }

std::uint32_t NetlinkSocket::port_id() const { return mnl_socket_get_portid(socket_.get()); }

std::size_t NetlinkSocket::set_receive_buffer(std::size_t octets) {
  // The kernel doubles the value to allow for its own bookkeeping (socket(7)).
  const int wanted = static_cast<int>(std::min<std::size_t>(octets, 1U << 30) / 2);
  if (setsockopt(descriptor(), SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) != 0) {
    setsockopt(descriptor(), SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
  }
  int granted = 0;
  socklen_t length = sizeof granted;
  if (getsockopt(descriptor(), SOL_SOCKET, SO_RCVBUF, &granted, &length) != 0) return 0;
  return static_cast<std::size_t>(granted);
}

void NetlinkSocket::require_delivery() {
  // With the second one a queue that was full takes new events as soon as there is room: without it
  // only once it is empty. No overrun has to be reported, because no event is lost.
  for (const int option : {NETLINK_BROADCAST_ERROR, NETLINK_NO_ENOBUFS}) {
    const int on = 1;
    if (setsockopt(descriptor(), SOL_NETLINK, option, &on, sizeof on) != 0) {
      fail("asking for reliable delivery of events");
    }
  }
}

void NetlinkSocket::ask_strictly() {
  const int on = 1;
  setsockopt(descriptor(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
}

std::error_code NetlinkSocket::request(const DumpRequest& dump, std::uint32_t sequence) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + dump.payload.size());
  header.nlmsg_type = dump.type;
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  header.nlmsg_seq = sequence;
  std::vector<std::byte> message(header.nlmsg_len);
  std::memcpy(message.data(), &header, sizeof header);
  std::copy(dump.payload.begin(), dump.payload.end(),
            message.begin() + static_cast<std::ptrdiff_t>(sizeof header));
  while (mnl_socket_sendto(socket_.get(), message.data(), message.size()) < 0) {
    if (errno != EINTR) return {errno, std::generic_category()};
  }
  return {};
}

QueueState NetlinkSocket::queue() const {
  std::array<std::uint32_t, SK_MEMINFO_VARS> values{};
  socklen_t length = sizeof values;
  if (getsockopt(descriptor(), SOL_SOCKET, SO_MEMINFO, values.data(), &length) != 0) return {};
  return {values[SK_MEMINFO_RMEM_ALLOC], values[SK_MEMINFO_RCVBUF], values[SK_MEMINFO_DROPS]};
}

void NetlinkSocket::set_membership(int group, bool on) {
  const std::uint32_t bit = 1U << (group - 1);
  if (((groups_ & bit) != 0) == on) return;
  const int option = on ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP;
  if (setsockopt(descriptor(), SOL_NETLINK, option, &group, sizeof group) == 0) groups_ ^= bit;
}

void NetlinkSocket::leave_groups() {
  for (int group = 1; group <= 32; ++group) set_membership(group, false);
}

}  // namespace ctflow
