// SPDX-License-Identifier: GPL-2.0-or-later
// Flow reports of which the records are encoded, for several messages to take them.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "encode/flow_records.hpp"
#include "encode/record_format.hpp"
#include "wire/wire_writer.hpp"

namespace ctflow {

/// One flow report. Its octets end where those of the next begin.
struct EncodedFlow {
  const Template* first;
  const Template* second;  ///< null: there is one record
  std::size_t first_end;   ///< where the octets of the first record end
  std::size_t end;         ///< where its octets end
  Counters recorded;       ///< what its records carry
  RecordTimes times;       ///< of both records

  /// All its records are of this template.
  [[nodiscard]] bool is_all(const Template& one) const {
    return first->id == one.id && (second == nullptr || second->id == one.id);
  }
};

/// Records without Sets around them, because what is before a record in its message decides whether
/// a Set begins with it. A place of fixed size.
class EncodedFlows {
 public:
  explicit EncodedFlows(const RecordFormat& format);

  /// False: there is no room, nothing has changed. There always is where it is empty.
  [[nodiscard]] bool add(const Flow& flow);

  void clear() {
    writer_.truncate(0);
    flows_.clear();
  }

  [[nodiscard]] std::span<const EncodedFlow> flows() const { return flows_; }
  [[nodiscard]] std::size_t size() const { return flows_.size(); }
  [[nodiscard]] bool empty() const { return flows_.empty(); }

  /// Where the octets of a flow report begin.
  [[nodiscard]] std::size_t start_of(std::size_t index) const {
    return index == 0 ? 0 : flows_[index - 1].end;
  }
  /// Octets of records.
  [[nodiscard]] std::span<const std::byte> octets(std::size_t start, std::size_t end) const {
    return writer_.written().subspan(start, end - start);
  }

 private:
  // The processor's first cache has room for both.
  static constexpr std::size_t kFlows = 128;
  static constexpr std::size_t kOctets = std::size_t{16} * 1024;

  Layout layout_;
  std::vector<std::byte> buffer_;
  WireWriter writer_;
  std::vector<EncodedFlow> flows_;
};

}  // namespace ctflow
