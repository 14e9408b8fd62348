// SPDX-License-Identifier: GPL-2.0-or-later
// Which of librdkafka's properties a configuration may set
// (https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace ctflow::kafka {

using Properties = std::map<std::string, std::string>;

/// Why a property is not for the configuration: what ctflowd promises depends on it, or it is part
/// of another setting. Nothing: it may be set.
std::optional<std::string> why_owned(std::string_view property);

/// What is wrong with them, each by itself. Nothing: librdkafka takes them. Without CTFLOWD_KAFKA
/// always nothing.
std::optional<std::string> find_fault(const Properties& properties);

}  // namespace ctflow::kafka
