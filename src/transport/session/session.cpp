// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/session/session.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include "encode/export_time.hpp"
#include "wire/byte_order.hpp"

namespace ctflow {
namespace {

// RFC 7011 section 3.1
constexpr std::size_t kLengthOffset = 2;
constexpr std::size_t kTimeOffset = 4;
constexpr std::size_t kSequenceOffset = 8;
constexpr std::size_t kDomainOffset = 12;
constexpr std::size_t kHeaderLength = 16;
constexpr std::uint16_t kVersion = 10;

bool same_message(const std::vector<std::byte>& one, const std::vector<std::byte>& other) {
  if (one.size() != other.size() || one.size() < kHeaderLength) return one == other;
  return std::equal(one.begin(), one.begin() + kTimeOffset, other.begin()) &&
         std::equal(one.begin() + kDomainOffset, one.end(), other.begin() + kDomainOffset);
}

}  // namespace

std::shared_ptr<const Origin> make_origin(std::vector<CountedMessage> first_messages) {
  std::random_device random;
  const std::uint64_t run = std::uint64_t{random()} << 32U | random() | 1U;
  return std::make_shared<const Origin>(Origin{run, std::move(first_messages)});
}

bool same_session(const Origin& one, const Origin& other) {
  return std::equal(one.first_messages.begin(), one.first_messages.end(),
                    other.first_messages.begin(), other.first_messages.end(),
                    [](const CountedMessage& a, const CountedMessage& b) {
                      return same_message(a.bytes, b.bytes);
                    });
}

bool is_ipfix_message(std::span<const std::byte> bytes) {
  return bytes.size() >= kHeaderLength && wire::load<std::uint16_t>(bytes, 0) == kVersion &&
         wire::load<std::uint16_t>(bytes, kLengthOffset) == bytes.size();
}

bool is_lines(std::span<const std::byte> bytes) {
  return !bytes.empty() && bytes.front() == std::byte{'{'} &&
         (bytes.back() == std::byte{'\n'} || bytes.back() == std::byte{'}'});
}

void SessionSequence::stamp(std::span<std::byte> message, const MessageContent& content,
                            std::uint64_t run, TimePoint now) {
  const auto own = wire::load<std::uint32_t>(message, kSequenceOffset);
  std::uint32_t next_own = own + sequence_step(content);
  if (last_ && last_->run == run) {
    const std::uint32_t missing = own - last_->next_own;  // modulo 2^32
    constexpr std::uint32_t kBackwards = 0x8000'0000;
    if (missing < kBackwards) {
      next_ += missing;
    } else {
      next_own = last_->next_own;  // out of order: it was counted as missing, or in no session
    }
  }
  wire::store(message.data() + kSequenceOffset, next_);
  const auto filled = wire::load<std::uint32_t>(message, kTimeOffset);
  wire::store(message.data() + kTimeOffset, std::max(filled, export_seconds(now)));
  next_ += sequence_step(content);
  last_ = Last{run, next_own};
}

}  // namespace ctflow
