// SPDX-License-Identifier: GPL-2.0-or-later
// Whether lines could be written to a topic: for check and doctor.
#pragma once

#include <chrono>
#include <string>

namespace ctflow {

struct ConnectionLogConfig;

namespace kafka {

/// Why no client can be made of the settings: files that cannot be read, values that do not go
/// together. Connects to no broker. Empty: one can.
std::string why_unusable(const ConnectionLogConfig& config);

/// Connects to the brokers and asks them for the topic. Waits for an answer no longer than
/// `patience`. Empty: they know it, and all its partitions have a leader.
std::string why_unreachable(const ConnectionLogConfig& config, std::chrono::milliseconds patience);

}  // namespace kafka
}  // namespace ctflow
