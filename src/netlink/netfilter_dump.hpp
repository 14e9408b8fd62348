// SPDX-License-Identifier: GPL-2.0-or-later
// Lists that nfnetlink has, for checks.
#pragma once

#include <cstdint>
#include <functional>
#include <system_error>

#include "netlink/attributes.hpp"
#include "netlink/netlink_socket.hpp"

namespace ctflow {

struct NetfilterQuestion {
  std::uint8_t subsystem = 0;  ///< NFNL_SUBSYS_*
  std::uint8_t message = 0;
  std::uint8_t family = 0;      ///< NFPROTO_*
  std::uint16_t attribute = 0;  ///< one 32-bit attribute to send along; 0: none
  std::uint32_t value = 0;
};

DumpRequest netfilter_request(const NetfilterQuestion& question);

/// Calls `take` with each answer: its family and its attributes. The error is the kernel's
/// (EOPNOTSUPP, EINVAL or EPERM where it cannot or may not answer), or one of read_dump().
std::error_code dump_netfilter(const NetfilterQuestion& question,
                               const std::function<void(std::uint8_t family, Bytes)>& take);

}  // namespace ctflow
