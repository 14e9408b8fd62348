// SPDX-License-Identifier: GPL-2.0-or-later
// The octets of a spool file: a header, then records, each of one message.
//
// All integers in network order. The file begins with
//   16 octets  "ctflowd spool 1\n"
//    8         run of the origin
//    4         length of the first messages, below
//    4         CRC-32 of everything before and of the first messages
//   then the first messages, each as contents (32 octets), length (4) and the message itself.
// Each record is
//    1 octet   state, see RecordState
//    4         length of the message
//    4         CRC-32 of all that follows in the record
//    8         since when it waits, milliseconds since 1970
//   32         contents: flows, data records, option records, templates (4 each), packets, octets
//   (8) then the message.
// The octet in front is outside the CRC: overwriting one octet is the only change ever made to
// what was appended, and a crash leaves it either way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "transport/spool/kept_message.hpp"

namespace ctflow::spool_format {

enum class RecordState : std::uint8_t {
  kWaits = 0,
  kHandedOver = 1,  ///< the kernel had it for the collector: not sent again
  kTaken = 2,       ///< on its way, or its connection broke: may have arrived, is sent again
};

inline constexpr std::size_t kHeaderLength = 32;
inline constexpr std::size_t kRecordHeader = 1 + 4 + 4 + 8 + 32;
inline constexpr std::size_t kLongestMessage = 65'535;  ///< by its header, RFC 7011 section 3.1
inline constexpr std::size_t kLongestPreamble = std::size_t{1} << 20;
/// No file is longer, with room for the last record and the first messages.
inline constexpr std::uint64_t kLongestFile = std::uint64_t{32} << 20;

std::vector<std::byte> header_of(const Origin& origin);
std::vector<std::byte> record_of(const KeptMessage& message, RecordState state);

/// Of the first messages, behind these kHeaderLength octets. Nothing: these begin no spool file.
std::optional<std::size_t> preamble_length(std::span<const std::byte> header);
/// Null: damaged. `bytes`: header and first messages.
std::shared_ptr<const Origin> read_origin(std::vector<std::byte> bytes);

/// Of the whole record that begins with these kRecordHeader octets. Nothing: no record does.
std::optional<std::size_t> record_length(std::span<const std::byte> header);
/// Without origin and place. Nothing: damaged.
std::optional<KeptMessage> read_record(std::span<const std::byte> record);
/// An unknown state is taken for waiting: once too often is better than never.
RecordState state_of(std::span<const std::byte> record);

}  // namespace ctflow::spool_format
