// SPDX-License-Identifier: GPL-2.0-or-later
// The Community ID of a connection, by which its line can be joined with what Suricata, Zeek and
// others say of the same packets (https://github.com/corelight/community-id-spec).
#pragma once

#include <array>
#include <string_view>

#include "ctflow/flow.hpp"

namespace ctflow {

/// Version 1 with seed 0: "1:" and the SHA-1 of the tuple in base64. The same for both directions
/// of a tuple that is not translated.
class CommunityId {
 public:
  explicit CommunityId(const Tuple& tuple);

  [[nodiscard]] std::string_view text() const { return {text_.data(), text_.size()}; }

 private:
  std::array<char, 30> text_{};
};

}  // namespace ctflow
