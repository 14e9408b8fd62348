// SPDX-License-Identifier: GPL-2.0-or-later
// What makes a sequence of IPFIX messages one Transport Session (RFC 7011 section 3.1): its first
// messages, and its sequence numbers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "ctflow/transport.hpp"

namespace ctflow {

/// Stands for the run of an origin's first messages, which other messages never continue.
inline constexpr std::uint64_t kFirstMessages = 0;

/// Where messages come from: one run of an Exporting Process, within which their own sequence
/// numbers belong together, and the messages by whose templates they can be read.
struct Origin {
  std::uint64_t run = 0;  ///< random, never kFirstMessages
  std::vector<CountedMessage> first_messages;
};

/// A new origin with a random run.
std::shared_ptr<const Origin> make_origin(std::vector<CountedMessage> first_messages);

/// Whether messages of both can be in one session: the first messages are the same but for time and
/// sequence number.
bool same_session(const Origin& one, const Origin& other);

/// Data Records that a message adds to the sequence number, options records included.
inline std::uint32_t sequence_step(const MessageContent& content) {
  return content.data_records + content.option_records;
}

/// True when these octets begin with an IPFIX header whose length is theirs.
bool is_ipfix_message(std::span<const std::byte> bytes);

/// True when these octets are whole lines of JSON, or one without its line feed.
bool is_lines(std::span<const std::byte> bytes);

/// The sequence numbers of one session, from 0. Messages missing between two of the same run leave
/// a gap, so that the collector sees that they were lost.
class SessionSequence {
 public:
  /// Writes sequence number and export time into a message that now leaves. The time is that of
  /// leaving (RFC 7011 section 3.1), but never earlier than the message has it already: no flow may
  /// end after the export time of its message.
  void stamp(std::span<std::byte> message, const MessageContent& content, std::uint64_t run,
             TimePoint now);

 private:
  struct Last {
    std::uint64_t run;
    std::uint32_t next_own;  ///< sequence number that the message's own successor has
  };
  std::uint32_t next_ = 0;
  std::optional<Last> last_;
};

}  // namespace ctflow
