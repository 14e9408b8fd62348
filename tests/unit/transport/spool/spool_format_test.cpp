// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/spool/spool_format.hpp"

#include <gtest/gtest.h>

#include <boost/crc.hpp>

#include "support/kept_messages.hpp"

namespace ctflow::spool_format {
namespace {

using test::kept_message;

TEST(SpoolFormat, HasTheOctetsThatItsHeaderFileDescribes) {
  const auto origin = test::sample_origin();
  const KeptMessage message = kept_message(7, 5, 1, origin);
  const std::vector<std::byte> record = record_of(message, RecordState::kTaken);
  ASSERT_EQ(record.size(), 49U + 100U);
  EXPECT_EQ(record[0], std::byte{2});
  EXPECT_EQ(wire::load<std::uint32_t>(record, 1), 100U);
  EXPECT_EQ(wire::load<std::uint64_t>(record, 9), 1'700'000'000'000U) << "milliseconds";
  EXPECT_EQ(wire::load<std::uint32_t>(record, 17), 5U) << "flows";
  EXPECT_EQ(wire::load<std::uint64_t>(record, 41), 50U) << "octets";
  const std::vector<std::byte> header = header_of(*origin);
  ASSERT_EQ(header.size(), 32U + 32U + 4U + 60U);
  EXPECT_EQ(preamble_length(header), 96U);
  EXPECT_EQ(wire::load<std::uint64_t>(header, 16), origin->run);
}

TEST(SpoolFormat, ReadsWhatItWrote) {
  const auto origin = test::sample_origin();
  const KeptMessage message = kept_message(7, 5, 1, origin);
  for (const auto state : {RecordState::kWaits, RecordState::kHandedOver, RecordState::kTaken}) {
    const std::vector<std::byte> record = record_of(message, state);
    EXPECT_EQ(record_length(record), record.size());
    EXPECT_EQ(state_of(record), state);
    const auto read = read_record(record);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->bytes, message.bytes);
    EXPECT_EQ(read->kept, message.kept);
    EXPECT_EQ(read->content.flows, 5U);
  }
  const auto read = read_origin(header_of(*origin));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->run, origin->run);
  EXPECT_TRUE(same_session(*read, *origin));
}

TEST(SpoolFormat, NoticesEveryChangedOctetButTheState) {
  const auto origin = test::sample_origin();
  const std::vector<std::byte> record = record_of(kept_message(7, 5, 1, origin), {});
  for (std::size_t i = 5; i < record.size(); ++i) {
    std::vector<std::byte> changed = record;
    changed[i] ^= std::byte{0x10};
    EXPECT_FALSE(read_record(changed)) << i;
  }
  const std::vector<std::byte> header = header_of(*origin);
  for (std::size_t i = 16; i < header.size(); ++i) {
    if (i >= 24 && i < 28) continue;  // the length, by which the rest is read
    std::vector<std::byte> changed = header;
    changed[i] ^= std::byte{0x10};
    EXPECT_FALSE(read_origin(changed)) << i;
  }
}

TEST(SpoolFormat, HasNoRecordShorterOrLongerThanAMessageCanBe) {
  std::vector<std::byte> header(kRecordHeader);
  EXPECT_FALSE(record_length(header)) << "zeros";
  wire::store(header.data() + 1, std::uint32_t{15});
  EXPECT_FALSE(record_length(header));
  wire::store(header.data() + 1, std::uint32_t{16});
  EXPECT_EQ(record_length(header), kRecordHeader + 16);
  wire::store(header.data() + 1, std::uint32_t{65'535});
  EXPECT_TRUE(record_length(header));
  wire::store(header.data() + 1, std::uint32_t{65'536});
  EXPECT_FALSE(record_length(header));
}

TEST(SpoolFormat, TakesATimeThatIsTooLateForTheLatest) {
  const KeptMessage message = test::kept_message(1, 1, 7, test::sample_origin());
  for (const std::uint64_t since : {~std::uint64_t{0}, ~std::uint64_t{0} >> 1}) {
    std::vector<std::byte> record = record_of(message, RecordState::kWaits);
    wire::store(record.data() + 9, since);
    boost::crc_32_type sum;
    sum.process_bytes(record.data() + 9, record.size() - 9);
    wire::store(record.data() + 5, static_cast<std::uint32_t>(sum.checksum()));
    const auto read = read_record(record);
    ASSERT_TRUE(read);
    EXPECT_GT(read->kept, TimePoint::max() - std::chrono::milliseconds(2));
  }
}

TEST(SpoolFormat, TakesAnUnknownStateForWaiting) {
  std::vector<std::byte> record(kRecordHeader, std::byte{9});
  EXPECT_EQ(state_of(record), RecordState::kWaits);
}

}  // namespace
}  // namespace ctflow::spool_format
