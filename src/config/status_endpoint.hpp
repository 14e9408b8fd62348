// SPDX-License-Identifier: GPL-2.0-or-later
// status.listen as an address and a port.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <string>

namespace ctflow {

/// `text`: ADDRESS:PORT or [IPv6 ADDRESS]:PORT, as the configuration has it.
inline boost::asio::ip::tcp::endpoint status_endpoint(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  return {boost::asio::ip::make_address(host),
          static_cast<std::uint16_t>(std::stoul(text.substr(colon + 1)))};
}

}  // namespace ctflow
