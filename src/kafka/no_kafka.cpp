// SPDX-License-Identifier: GPL-2.0-or-later
// Stands for the rest of this folder in a ctflowd without CTFLOWD_KAFKA.
#include "kafka/properties.hpp"
#include "kafka/reach.hpp"

namespace ctflow::kafka {

std::optional<std::string> why_owned(std::string_view /*property*/) { return std::nullopt; }

std::optional<std::string> find_fault(const Properties& /*properties*/) { return std::nullopt; }

std::string why_unusable(const ConnectionLogConfig& /*config*/) { return ""; }

std::string why_unreachable(const ConnectionLogConfig& /*config*/,
                            std::chrono::milliseconds /*patience*/) {
  return "";
}

}  // namespace ctflow::kafka
