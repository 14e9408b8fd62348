// SPDX-License-Identifier: GPL-2.0-or-later
// status.listen as an address and a port.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <string>

#include "text/endpoint_text.hpp"

namespace ctflow {

/// `text`: ADDRESS:PORT or [IPv6 ADDRESS]:PORT, as the configuration has it.
inline boost::asio::ip::tcp::endpoint status_endpoint(const std::string& text) {
  const auto parts = text::split_endpoint(text).value();
  return {boost::asio::ip::make_address(parts.host), parts.port.value()};
}

}  // namespace ctflow
