// SPDX-License-Identifier: GPL-2.0-or-later
// Whether others than operators can ask for the status.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <vector>

#include "ctflow/config.hpp"
#include "findings/finding.hpp"

namespace ctflow {

/// Whether hosts of the internet may reach this address: not one of loopback, a link, a private
/// network (RFC 1918, RFC 4193) or shared address space (RFC 6598).
bool is_public(const boost::asio::ip::address& address);

/// Addresses of the interfaces of this network namespace.
std::vector<boost::asio::ip::address> addresses_of_this_host();

/// `status.listen` answers everybody without a password: at a public address that is a finding. The
/// unspecified address stands for all of `own`.
Findings check_public_status(const StatusConfig& status,
                             const std::vector<boost::asio::ip::address>& own);

}  // namespace ctflow
