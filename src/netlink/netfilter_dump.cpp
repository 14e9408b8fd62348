// SPDX-License-Identifier: GPL-2.0-or-later
#include "netlink/netfilter_dump.hpp"

#include <linux/netfilter/nfnetlink.h>

#include <cstring>

#include "netlink/dump.hpp"
#include "wire/byte_order.hpp"

namespace ctflow {
namespace {

template <typename Value>
void write(std::vector<std::byte>& to, std::size_t offset, const Value& value) {
  std::memcpy(to.data() + offset, &value, sizeof value);
}

}  // namespace

DumpRequest netfilter_request(const NetfilterQuestion& question) {
  constexpr std::size_t kValue = sizeof(nfgenmsg) + sizeof(nlattr);
  const bool asks = question.attribute != 0;
  const std::size_t length = asks ? kValue + sizeof question.value : sizeof(nfgenmsg);
  DumpRequest request{static_cast<std::uint16_t>(question.subsystem << 8 | question.message),
                      std::vector<std::byte>(length)};
  write(request.payload, 0, nfgenmsg{question.family, NFNETLINK_V0, 0});
  if (asks) {
    write(request.payload, sizeof(nfgenmsg),
          nlattr{sizeof(nlattr) + sizeof question.value, question.attribute});
    write(request.payload, kValue, wire::network_order(question.value));
  }
  return request;
}

std::error_code dump_netfilter(const NetfilterQuestion& question,
                               const std::function<void(std::uint8_t, Bytes)>& take) {
  constexpr std::size_t kHeaders = NLMSG_HDRLEN + sizeof(nfgenmsg);
  constexpr int kAttempts = 5;  // where the list changes all the time it is taken as it is
  std::vector<std::vector<std::byte>> answers;
  std::error_code error;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    answers.clear();
    error = read_dump(NETLINK_NETFILTER, netfilter_request(question),
                      [&](Bytes message) { answers.emplace_back(message.begin(), message.end()); });
    if (error != std::errc::resource_unavailable_try_again) break;
    error.clear();
  }
  for (const std::vector<std::byte>& answer : answers) {
    if (answer.size() < kHeaders) continue;
    take(std::to_integer<std::uint8_t>(answer[NLMSG_HDRLEN]), Bytes(answer).subspan(kHeaders));
  }
  return error;
}

}  // namespace ctflow
