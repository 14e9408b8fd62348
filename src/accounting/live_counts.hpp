// SPDX-License-Identifier: GPL-2.0-or-later
// Counters by one key since they were made, for /metrics and `ctflowd top`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "accounting/classify.hpp"
#include "accounting/device_names.hpp"
#include "accounting/key_text.hpp"
#include "ctflow/interface_names.hpp"
#include "ctflow/status.hpp"

namespace ctflow::accounting {

/// No counter ever falls: a key that has one keeps it, under the text that it had first; when there
/// are `limit`, further keys are counted together as `other`.
class LiveCounts {
 public:
  LiveCounts(AccountingKey by, std::size_t limit);

  [[nodiscard]] AccountingKey by() const { return by_; }
  [[nodiscard]] const KeySelection& selection() const { return selection_; }
  /// Keys that have counters of their own.
  [[nodiscard]] std::size_t keys() const { return rows_.size() - 1; }

  /// Allocates only for a key that is not known: new, or beyond twice `limit`.
  void add(const Classified& report, const Names& names, const InterfaceNames* interfaces);

  /// What was counted, by key and direction; without `names` devices have none.
  [[nodiscard]] Usage usage(const DeviceNames* names) const;

 private:
  struct Row {
    std::string text{};
    std::string device{};  ///< octets, for its name
    std::array<Amounts, kDirections> amounts{};
  };

  [[nodiscard]] std::size_t row_of(const Classified& report, const Names& names,
                                   const InterfaceNames* interfaces);

  AccountingKey by_;
  KeySelection selection_;
  std::size_t limit_;
  std::vector<Row> rows_{Row{"other"}};  ///< the first: all that have none
  std::unordered_map<Key, std::size_t, KeyHash> by_key_;
  std::unordered_map<std::string, std::size_t> by_text_;
};

}  // namespace ctflow::accounting
