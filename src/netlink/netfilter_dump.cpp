// SPDX-License-Identifier: GPL-2.0-or-later
#include "netlink/netfilter_dump.hpp"

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <memory>
#include <vector>

#include "wire/byte_order.hpp"

namespace ctflow {
namespace {

constexpr std::size_t kPart = 32768;  // the kernel does not write more at once
constexpr int kPatience = 2000;       // ms for one part
constexpr std::uint32_t kSequence = 1;

std::error_code last_error() { return {errno, std::generic_category()}; }

std::vector<std::byte> request_for(const NetfilterQuestion& question) {
  std::vector<std::byte> buffer(256);
  nlmsghdr* header = mnl_nlmsg_put_header(buffer.data());
  header->nlmsg_type = static_cast<std::uint16_t>(question.subsystem << 8 | question.message);
  header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  header->nlmsg_seq = kSequence;
  auto* generic = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
  generic->nfgen_family = question.family;
  generic->version = NFNETLINK_V0;
  if (question.attribute != 0) {
    mnl_attr_put_u32(header, question.attribute, wire::network_order(question.value));
  }
  buffer.resize(header->nlmsg_len);
  return buffer;
}

/// True: the end. An error is also one.
bool read_part(Bytes part, const std::function<void(std::uint8_t, Bytes)>& take,
               std::error_code& error) {
  constexpr std::size_t kHeaders = NLMSG_HDRLEN + sizeof(nfgenmsg);
  Messages messages(part);
  Bytes message;
  while (messages.next(message)) {
    const auto type = load_host<std::uint16_t>(message, offsetof(nlmsghdr, nlmsg_type));
    if (type == NLMSG_ERROR || type == NLMSG_DONE) {
      int code = 0;
      if (message.size() >= NLMSG_HDRLEN + sizeof code) {
        code = load_host<int>(message, NLMSG_HDRLEN);
      }
      if (code < 0) error.assign(-code, std::generic_category());
      return true;
    }
    if (message.size() < kHeaders) continue;
    take(std::to_integer<std::uint8_t>(message[NLMSG_HDRLEN]), message.subspan(kHeaders));
  }
  return false;
}

}  // namespace

std::error_code dump_netfilter(const NetfilterQuestion& question,
                               const std::function<void(std::uint8_t, Bytes)>& take) {
  const std::unique_ptr<mnl_socket, int (*)(mnl_socket*)> socket(
      mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC), mnl_socket_close);
  if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) != 0) return last_error();
  const std::vector<std::byte> request = request_for(question);
  if (mnl_socket_sendto(socket.get(), request.data(), request.size()) < 0) return last_error();
  std::vector<std::byte> buffer(kPart);
  std::error_code error;
  while (true) {
    pollfd ready{mnl_socket_get_fd(socket.get()), POLLIN, 0};
    if (poll(&ready, 1, kPatience) <= 0) return std::make_error_code(std::errc::timed_out);
    const auto length = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
    if (length < 0) return last_error();
    if (read_part(Bytes(buffer).first(static_cast<std::size_t>(length)), take, error)) {
      return error;
    }
  }
}

}  // namespace ctflow
