// SPDX-License-Identifier: GPL-2.0-or-later
#include "ledger/export_ledger.hpp"

#include <gtest/gtest.h>

#include "ledger/export_amount.hpp"

namespace ctflow {
namespace {

constexpr LossReason kReasons[] = {
    LossReason::kWouldBlock, LossReason::kUnresolved, LossReason::kSendError,
    LossReason::kSpoolFull,  LossReason::kSpoolAge,   LossReason::kSpoolDamaged,
    LossReason::kStopped,    LossReason::kWriteError, LossReason::kUncertain,
};

MessageContent content(std::uint32_t flows) {
  MessageContent content;
  content.flows = flows;
  content.data_records = 2 * flows;
  content.packets = std::uint64_t{5} * flows;
  content.octets = std::uint64_t{700} * flows;
  return content;
}

class ExportLedgerTest : public testing::Test {
 protected:
  void offer(int flows) {
    for (int i = 0; i < flows; ++i) ledger_.offer();
  }
  [[nodiscard]] const ExporterCounters& counters() const { return ledger_.counters(); }
  /// In flow reports, Flow Records, packets and octets.
  void expect_balance() const {
    const ExporterCounters& all = counters();
    const std::uint64_t flows = all.offered + all.recovered.flows;
    EXPECT_EQ(flows, all.flows + all.waiting.flows + all.lost());
    EXPECT_EQ(2 * flows, all.records + all.waiting.records + all.lost_records);
    EXPECT_EQ(5 * flows, all.packets + all.waiting.packets + all.lost_packets);
    EXPECT_EQ(700 * flows, all.octets + all.waiting.octets + all.lost_octets);
  }

  ExportLedger ledger_;
};

TEST_F(ExportLedgerTest, BalancesWhatLeavesAtOnce) {
  offer(7);
  MessageContent first = content(4);
  first.templates = 3;
  first.option_records = 2;
  ledger_.sent(first, 1200);
  ledger_.lost(LossReason::kWouldBlock, content(3));
  expect_balance();
  EXPECT_EQ(counters().messages, 1U);
  EXPECT_EQ(counters().message_octets, 1200U);
  EXPECT_EQ(counters().templates, 3U);
  EXPECT_EQ(counters().option_records, 2U);
  EXPECT_EQ(counters().lost_messages, 1U);
}

TEST_F(ExportLedgerTest, BalancesWhatWaitsAtEachStep) {
  offer(9);
  ledger_.wait(content(4));
  ledger_.wait(content(5));
  expect_balance();
  EXPECT_EQ(counters().waiting.messages, 2U);
  ledger_.sent_after_wait(content(4), 900);
  expect_balance();
  ledger_.lost_after_wait(LossReason::kSpoolFull, amount_of(content(5)));
  expect_balance();
  EXPECT_EQ(counters().waiting.messages, 0U);
  EXPECT_EQ(counters().lost_spool_full.flows, 5U);
}

TEST_F(ExportLedgerTest, HasALineForEachReason) {
  for (const LossReason reason : kReasons) {
    const std::uint64_t before = counters().lost();
    offer(2);
    ledger_.lost(reason, content(2));
    EXPECT_EQ(counters().lost(), before + 2) << static_cast<int>(reason);
    expect_balance();
  }
  EXPECT_EQ(counters().lost_messages, std::size(kReasons));
  EXPECT_EQ(counters().lost_would_block, 2U);
  EXPECT_EQ(counters().lost_unresolved, 2U);
  EXPECT_EQ(counters().lost_send_error, 2U);
  EXPECT_EQ(counters().lost_spool_age.octets, 1400U);
  EXPECT_EQ(counters().lost_spool_damaged.records, 4U);
  EXPECT_EQ(counters().lost_stopped.packets, 10U);
  EXPECT_EQ(counters().lost_write_error.messages, 1U);
}

TEST_F(ExportLedgerTest, TakesOverWhatAnEarlierProcessLeft) {
  ledger_.recovered(amount_of(content(6)));
  expect_balance();
  EXPECT_EQ(counters().offered, 0U);
  ledger_.found_damaged(1);
  ledger_.resent(amount_of(content(2)));
  expect_balance();
  EXPECT_EQ(counters().lost_spool_damaged.messages, 1U);
  EXPECT_EQ(counters().lost_messages, 0U) << "what it carried is unknown";
  EXPECT_EQ(counters().resent.flows, 2U);
  ledger_.sent_after_wait(content(6), 100);
  expect_balance();
}

TEST_F(ExportLedgerTest, BalancesWhatIsNotToBeSent) {
  offer(4);
  ledger_.sent(content(4), 500);
  ledger_.leave_out({1, 5, 700});
  ledger_.leave_out({1, 6, 800});
  ledger_.unrepresentable({1, 7, 900});
  EXPECT_EQ(counters().offered, 7U);
  EXPECT_EQ(counters().offered,
            counters().flows + counters().filtered + counters().unrepresentable);
  EXPECT_EQ(counters().filtered, 2U);
  EXPECT_EQ(counters().filtered_packets, 11U);
  EXPECT_EQ(counters().filtered_octets, 1500U);
  EXPECT_EQ(counters().unrepresentable_packets, 7U);
  EXPECT_EQ(counters().unrepresentable_octets, 900U);
  EXPECT_EQ(counters().lost(), 0U) << "it is no loss";
}

TEST_F(ExportLedgerTest, CountsSessionsAndErrorsOfTheDisk) {
  ledger_.session_begun();
  ledger_.spool_failed();
  ledger_.unrecorded(amount_of(content(3)));
  ledger_.unrecorded(amount_of(content(1)));
  EXPECT_EQ(counters().transport_sessions, 1U);
  EXPECT_EQ(counters().spool_errors, 1U);
  EXPECT_EQ(counters().unrecorded.flows, 1U) << "now, not in sum";
}

}  // namespace
}  // namespace ctflow
