// SPDX-License-Identifier: GPL-2.0-or-later
// Messages that wait for the end of a batch, to leave with one call of the system.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "ctflow/encoder.hpp"

namespace ctflow {

/// They stand one behind the other. Those at the front are a run as UDP segmentation offload takes
/// it: all of one length, and the last no longer than that.
class HeldMessages {
 public:
  /// Whether a message of this length, added now, makes the run longer. `limit`: messages in a run.
  [[nodiscard]] bool continues(std::size_t length, std::size_t limit) const {
    if (ends_.empty()) return true;
    return !complete(limit) && length <= first() && bytes_.size() + length <= kMaximumMessageSize;
  }

  /// The run takes no further message.
  [[nodiscard]] bool complete(std::size_t limit) const {
    return ends_.size() >= limit || length_of(ends_.size() - 1) < first();
  }

  void add(std::span<const std::byte> message, const MessageContent& content) {
    bytes_.insert(bytes_.end(), message.begin(), message.end());
    ends_.push_back(bytes_.size());
    contents_.push_back(content);
  }

  [[nodiscard]] std::size_t size() const { return ends_.size(); }

  /// Octets of the first message.
  [[nodiscard]] std::size_t first() const { return ends_.front(); }

  /// The first `count` messages.
  [[nodiscard]] std::span<const std::byte> bytes(std::size_t count) const {
    return std::span(bytes_).first(start_of(count));
  }

  [[nodiscard]] std::span<std::byte> message(std::size_t index) {
    return std::span(bytes_).subspan(start_of(index), length_of(index));
  }

  [[nodiscard]] const MessageContent& content(std::size_t index) const { return contents_[index]; }

  [[nodiscard]] std::size_t length_of(std::size_t index) const {
    return ends_[index] - start_of(index);
  }

  /// Forgets the first `count` messages.
  void drop(std::size_t count) {
    const std::size_t octets = start_of(count);
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(octets));
    ends_.erase(ends_.begin(), ends_.begin() + static_cast<std::ptrdiff_t>(count));
    contents_.erase(contents_.begin(), contents_.begin() + static_cast<std::ptrdiff_t>(count));
    for (std::size_t& end : ends_) end -= octets;
  }

 private:
  [[nodiscard]] std::size_t start_of(std::size_t index) const {
    return index == 0 ? 0 : ends_[index - 1];
  }

  std::vector<std::byte> bytes_;
  std::vector<std::size_t> ends_;
  std::vector<MessageContent> contents_;
};

}  // namespace ctflow
