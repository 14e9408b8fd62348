// SPDX-License-Identifier: GPL-2.0-or-later
// The protocol that messages follow.
#pragma once

#include <cstdint>

namespace ctflow {

/// RFC 7011, or RFC 3954.
enum class Protocol : std::uint8_t { kIpfix, kNetflow9, kNetflow5 };

}  // namespace ctflow
