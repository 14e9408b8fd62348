// SPDX-License-Identifier: GPL-2.0-or-later
// Names of devices, from the settings and from files of other programs.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "accounting/key.hpp"
#include "ctflow/accounting_config.hpp"

namespace ctflow {

class Neighbours;

}  // namespace ctflow

namespace ctflow::accounting {

/// Names by the octets of a MAC address (6) or of an address (4 or 16). They are text without
/// control characters, valid UTF-8, and may have any other character.
using DeviceNames = std::map<std::string, std::string>;

/// The octets of a MAC address.
std::string mac_octets(std::uint64_t mac);
/// What a key with a device is found by in DeviceNames.
std::string device_octets(const Key& key);
/// The octets of a MAC address or of an address, as people write them.
std::string device_text(std::string_view octets);

/// What one line says: `MAC NAME` (ethers(5)), a lease of dnsmasq, or one of odhcpd. Adds it where
/// `to` has no name yet. A line that is none of these says nothing.
void add_names_of_line(const std::string& line, DeviceNames& to);

/// Null: nothing changed since the last call.
using ReadDeviceNames = std::function<std::shared_ptr<const DeviceNames>()>;

/// Reads the files again when they change. For one thread at a time.
ReadDeviceNames device_names_of(const AccountingConfig& config);

/// With the names of addresses for the MAC addresses that have them now, too.
DeviceNames with_neighbours(const DeviceNames& names, const Neighbours& neighbours, TimePoint now);

}  // namespace ctflow::accounting
