// SPDX-License-Identifier: GPL-2.0-or-later
// Random connections, rulesets and failures, and what really was beside them.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "nat_log/answer_text.hpp"
#include "support/nat_log_flows.hpp"
#include "support/seed.hpp"
#include "text/time_text.hpp"

namespace ctflow::nat {
namespace {

using namespace std::chrono_literals;
using test::map_entry;
using test::NatLogFixture;
using test::source_nat;

/// What really was, written down beside the log.
struct Truth {
  Flow flow;
  std::string inside;
  std::string as;
  Moment began;
  std::optional<Moment> ended{};
};

/// Whatever happens, and whenever the change of a map is noticed: who had a port is in the answer,
/// or the answer is that the log cannot say.
class MapsWitness : public testing::Test, protected NatLogFixture {
 protected:
  explicit MapsWitness() : seed_(test::any_seed()), random_(seed_) {
    exceptions = true;
    set_maps({});
    change();
    start();
  }

  unsigned number(unsigned most) { return static_cast<unsigned>(random_() % (most + 1)); }

  void change() {
    ruleset_.clear();
    std::vector<unsigned> order{2, 3, 4, 5};
    std::shuffle(order.begin(), order.end(), random_);
    for (unsigned i = 0; i < number(4); ++i) {
      ruleset_.push_back(map_entry("100.64.0." + std::to_string(order[i]), "203.0.113.7",
                                   static_cast<std::uint16_t>(1000 + i * 10),
                                   static_cast<std::uint16_t>(1009 + i * 10)));
    }
    if (number(2) > 0) set_maps(ruleset_);  // else nobody notices yet
  }

  void connect() {
    Truth one;
    one.inside = "100.64.0." + std::to_string(2 + number(3));
    // Mostly as the ruleset says, which the log may know or not.
    unsigned port = 1000 + number(39);
    for (const MapEntry& entry : ruleset_) {
      if (number(9) > 0 && entry.inside == test::endpoint(one.inside).address) {
        port = entry.first_port + number(9);
      }
    }
    one.as = "203.0.113.7:" + std::to_string(port);
    ++ids_;
    one.flow = source_nat(ids_, one.inside + ":5000",
                          "198.51.100.1:" + std::to_string(1 + ids_ % 60000), one.as);
    one.flow.present.start = number(9) > 0;
    if (one.flow.present.start) one.flow.start = TimePoint(now());
    one.began = now();
    begin(one.flow);
    table.push_back(one.flow);
    truth_.push_back(one);
  }

  void disconnect() {
    if (table.empty()) return;
    const std::size_t which = number(static_cast<unsigned>(table.size() - 1));
    const Flow flow = table[which];
    table.erase(table.begin() + static_cast<std::ptrdiff_t>(which));
    for (Truth& one : truth_) {
      if (one.flow.id == flow.id) one.ended = now();
    }
    end(flow);
  }

  void step() {
    pass(std::chrono::milliseconds(1 + number(3000)));
    const unsigned what = number(99);
    if (what < 45) {
      connect();
    } else if (what < 75) {
      disconnect();
    } else if (what < 92) {
      write();
    } else if (what < 95) {
      change();
    } else if (what < 97) {
      maps.state = static_cast<MapsNow::State>(number(2));
    } else if (what < 98) {
      maps.state = MapsNow::State::kCurrent;
      set_maps(ruleset_);
    } else if (what < 99) {
      pass(std::chrono::hours(number(13)));
      write();
    } else {
      restart();
    }
  }

  void restart() {
    forget_events();
    kill();
    for (unsigned i = 0; i < number(3); ++i) {
      pass(20s);
      if (number(1) > 0) change();
      disconnect();
    }
    forget_events();
    start();
  }

  void check() {
    const Moment from = moment_of(test::at("2026-11-23T10:00:00Z"));
    for (int i = 0; i < 400; ++i) {
      const Moment at = from + std::chrono::milliseconds(
                                   random_() % static_cast<unsigned long>((now() - from).count()));
      const std::string who = "203.0.113.7:" + std::to_string(1000 + number(39));
      ask_and_compare(who, at);
    }
  }

  void ask_and_compare(const std::string& who, Moment at) {
    Question question;
    question.who = test::endpoint(who);
    question.at = at;
    question.protocol = 6;
    question.tolerance = 0ms;
    question.now = now();
    const Answer answer = look_up(directory(), question);
    std::set<std::string> said;
    for (const Found& row : answer.found) {
      said.insert(row.inside_address);
      by_map_ += row.from_map ? 1U : 0U;
      by_log_ += row.from_map ? 0U : 1U;
    }
    if (answer.verdict == Verdict::kCannotSay) return;
    // Of several the log names those that it knows.
    if (answer.verdict == Verdict::kSeveral && !answer.holes.empty()) return;
    ++sure_;
    for (const Truth& one : truth_) {
      if (one.as != who || one.began > at || (one.ended && *one.ended < at)) continue;
      ++met_;
      EXPECT_EQ(said.count(one.inside), 1U)
          << "seed " << seed_ << ": " << one.inside << " had " << who << " at "
          << text::exact_utc_text(at) << ", since " << text::exact_utc_text(one.began) << ", "
          << verdict_text(answer, question) << rows_text(answer.found, AnswerFormat::kTable);
    }
    // What the log has rows of did happen.
    for (const Found& row : answer.found) {
      if (row.from_map) continue;
      const bool known = std::any_of(truth_.begin(), truth_.end(), [&](const Truth& one) {
        return one.as == who && one.inside == row.inside_address;
      });
      EXPECT_TRUE(known) << "seed " << seed_ << " " << who << " " << row.inside_address;
    }
  }

  unsigned seed_;
  std::mt19937 random_;
  std::vector<MapEntry> ruleset_;
  std::vector<Truth> truth_;
  std::uint32_t ids_ = 0;
  std::size_t sure_ = 0;
  std::size_t met_ = 0;
  std::size_t by_map_ = 0;
  std::size_t by_log_ = 0;
};

TEST_F(MapsWitness, WhoHadAPortIsInTheAnswer) {
  for (int i = 0; i < 2000; ++i) step();
  maps.state = MapsNow::State::kCurrent;
  for (int i = 0; i < 3; ++i) {
    pass(20s);
    write();
  }
  check();
  EXPECT_GT(store().followed_map() + by_map_, 0U) << "seed " << seed_;
  EXPECT_GT(sure_, 0U) << "seed " << seed_;
}

}  // namespace
}  // namespace ctflow::nat
