// SPDX-License-Identifier: GPL-2.0-or-later
// Answers that are known from earlier questions against those that are found anew, after random
// changes of everything.
#include "enrich/routing/route_answer.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>

#include "enrich/routing/routing_state.hpp"
#include "support/rounds.hpp"
#include "support/routing_messages.hpp"
#include "support/seed.hpp"

namespace ctflow {
namespace {

TEST(KnownAnswers, FindsOneOnceUntilAllIsForgotten) {
  KnownAnswers known;
  int found = 0;
  const auto ask = [&](AddressFamily family, std::uint64_t high, std::uint64_t low = 0) {
    const auto find = [&] {
      RouteAnswer answer;
      answer.interface = static_cast<std::uint32_t>(++found);
      return answer;
    };
    return known.answer(family, {high, low}, find).interface;
  };
  EXPECT_EQ(ask(AddressFamily::kIpv4, 7), 1U);
  EXPECT_EQ(ask(AddressFamily::kIpv4, 7), 1U);
  EXPECT_EQ(ask(AddressFamily::kIpv6, 7), 2U) << "at the same place";
  EXPECT_EQ(ask(AddressFamily::kIpv4, 7), 3U) << "the other family took its place";
  EXPECT_EQ(ask(AddressFamily::kIpv4, 7, 1), 4U);
  known.forget_all();
  EXPECT_EQ(ask(AddressFamily::kIpv4, 7, 1), 5U);
  EXPECT_EQ(ask(AddressFamily::kIpv4, 7, 1), 5U);
}

TEST(KnownAnswers, AreThoseOfTheirOwnDestinationWhereManyShareAPlace) {
  KnownAnswers known;
  for (int round = 0; round < 2; ++round) {
    for (std::uint32_t i = 1; i <= 4 * KnownAnswers::kPlaces; ++i) {
      RouteAnswer right;
      right.interface = i;
      const auto find = [&] { return right; };
      ASSERT_EQ(known.answer(AddressFamily::kIpv4, {std::uint64_t{i} << 32, 0}, find), right);
    }
  }
}

const std::vector<std::string> kAddresses{
    "10.0.1.2",    "10.0.2.3",      "10.0.1.255",    "192.0.2.1",     "198.51.100.7",
    "2001:db8::1", "2001:db8:1::2", "2001:db8:2::3", "2a02:db8::4:5", "ff02::1"};

/// Makes any change that the kernel can tell of, valid or not.
class RandomRouting {
 public:
  explicit RandomRouting(unsigned seed) : random_(seed) {
    for (std::uint32_t i = 1; i <= 4; ++i) apply(link(i, false));
    for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
      apply(test::rule_message(0, RT_TABLE_LOCAL, {.family = family}));
      apply(test::rule_message(32766, RT_TABLE_MAIN, {.family = family}));
      apply(test::rule_message(32767, RT_TABLE_DEFAULT, {.family = family}));
    }
  }

  void change() {
    now_ += static_cast<RoutingTime>(1 + random_() % 1'000'000'000);
    const bool removed = any(2);
    switch (random_() % 12) {
      case 0:
        return apply(link(1 + random_() % 4, any(8)));
      case 1:
        return apply(test::address_message(address(), 1 + random_() % 4, {.removed = removed}));
      case 2:
        return apply(nexthop(any(3)));
      case 3:
        return change_rules();
      case 4:
        return any(20) ? read_again() : void();
      default:
        return apply(route(removed));
    }
  }

  /// Asks what may be known from before the change, and what is not.
  void compare(const std::string& step) {
    for (int i = 0; i < 12; ++i) {
      const RouteQuery query = question();
      const RouteAnswer answer = state_->route(query);
      ASSERT_EQ(answer, state_->route_anew(query)) << step << ": " << names_;
      if (answer.kind != RouteAnswer::Kind::kNone) ++found_;
      if (!(answer == last_[names_])) ++changed_;
      last_[names_] = answer;
    }
  }

  [[nodiscard]] int found() const { return found_; }
  [[nodiscard]] int changed() const { return changed_; }

 private:
  bool any(unsigned of) { return random_() % of == 0; }
  const std::string& address() { return kAddresses[random_() % kAddresses.size()]; }
  void apply(const test::Octets& message) { state_->apply(test::bytes_of(message), now_); }

  test::Octets link(std::uint32_t index, bool removed) {
    return test::link_message(index, fmt::format("eth{}", index),
                              {.up = !any(3),
                               .carrier = !any(4),
                               .loopback = index == 1,
                               .group = static_cast<std::uint32_t>(random_() % 2),
                               .vrf_table = any(20) ? 1000U : 0U,
                               .removed = removed});
  }
  test::Octets nexthop(bool removed) {
    const auto id = static_cast<std::uint32_t>(1 + random_() % 3);
    if (any(3)) return test::nexthop_message(id, {}, {.group = {1, 2}, .removed = removed});
    return test::nexthop_message(id, {static_cast<std::uint32_t>(1 + random_() % 4), "192.0.2.9"},
                                 {.blackhole = any(8), .removed = removed});
  }
  test::Octets route(bool removed) {
    const std::string& to = address();
    const bool six = to.find(':') != std::string::npos;
    const std::vector<int> lengths = six ? std::vector{0, 32, 48, 128} : std::vector{0, 8, 24, 32};
    const int length = lengths[random_() % lengths.size()];
    const PrefixKey key = test::key_of(to).first(static_cast<unsigned>(length));
    const std::vector<std::uint32_t> tables{RT_TABLE_LOCAL, RT_TABLE_MAIN, RT_TABLE_DEFAULT, 1000};
    const std::vector<std::uint8_t> types{RTN_UNICAST,   RTN_UNICAST, RTN_LOCAL,
                                          RTN_BROADCAST, RTN_THROW,   RTN_UNREACHABLE};
    const bool by_object = any(4);
    std::vector<test::HopOptions> hops;
    for (auto i = by_object ? 0 : 1 + random_() % 2; i > 0; --i) {
      hops.push_back({static_cast<std::uint32_t>(1 + random_() % 4), any(2) ? to : ""});
    }
    return test::route_message(
        fmt::format("{}/{}", written(key, six), length), hops,
        {.table = tables[random_() % tables.size()],
         .metric = static_cast<std::uint32_t>(random_() % 2),
         .type = types[random_() % types.size()],
         .source = six && any(200) ? "2001:db8::/32" : "",
         .nexthop_id = by_object ? static_cast<std::uint32_t>(1 + random_() % 3) : 0U,
         .flags = any(2) ? unsigned{NLM_F_REPLACE} : 0U,
         .removed = removed});
  }
  static std::string written(const PrefixKey& key, bool six) {
    std::string text;
    for (int i = 0; i < (six ? 8 : 4); ++i) {
      const std::uint64_t word = i < 4 ? key.high : key.low;
      text += six ? fmt::format("{}{:x}", i == 0 ? "" : ":", word >> (48 - i % 4 * 16) & 0xffff)
                  : fmt::format("{}{}", i == 0 ? "" : ".", word >> (56 - i * 8) & 0xff);
    }
    return text;
  }

  /// A rule that looks at more than the destination never stays for long.
  void change_rules() {
    if (!rules_.empty()) {
      test::RuleOptions& options = rules_.back().second;
      options.removed = true;
      apply(test::rule_message(rules_.back().first, 1000, options));
      rules_.pop_back();
      return;
    }
    test::RuleOptions options;
    options.family = any(2) ? AF_INET : AF_INET6;
    switch (random_() % 6) {
      case 0:
        options.source = options.family == AF_INET ? "10.0.1.0/24" : "2001:db8:1::/48";
        break;
      case 1:
        options.more = test::attribute(FRA_FWMARK, test::host(std::uint32_t{1}));
        break;
      case 2:
        options.more = test::attribute(FRA_IIFNAME, test::text("eth2"));
        break;
      case 3:
        options.more = test::attribute(FRA_L3MDEV, {1});
        break;
      case 4:
        options.action = FR_ACT_UNREACHABLE;
        break;
      default:
        break;
    }
    const auto priority = static_cast<std::uint32_t>(any(2) ? 100 : 32766);
    apply(test::rule_message(priority, 1000, options));
    rules_.emplace_back(priority, options);
  }

  /// As after a loss: another state, to which the same messages come, takes over.
  void read_again() {
    auto next = std::make_unique<RoutingState>();
    for (std::uint32_t i = 1; i <= 4; ++i) next->apply(test::bytes_of(link(i, false)));
    for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
      next->apply(test::bytes_of(test::rule_message(32766, RT_TABLE_MAIN, {.family = family})));
    }
    for (int i = 0; i < 20; ++i) next->apply(test::bytes_of(route(false)));
    rules_.clear();
    for (int i = 0; i < 5; ++i) {
      const RouteQuery query = question();
      EXPECT_EQ(next->route(query), next->route_anew(query));
    }
    next->inherit(*state_, now_);
    state_ = std::move(next);
  }

  RouteQuery question() {
    const std::string& to = address();
    RouteQuery query;
    const bool six = to.find(':') != std::string::npos;
    query.family = six ? AddressFamily::kIpv6 : AddressFamily::kIpv4;
    query.destination = test::key_of(to);
    query.source = test::key_of(six ? (any(2) ? "2001:db8:1::7" : "2a02::7")
                                    : (any(2) ? "10.0.1.7" : "203.0.113.7"));
    query.mark = any(2) ? 1 : 0;
    query.protocol = any(2) ? 6 : 17;
    query.destination_port = 53;
    query.returning = any(2);
    query.through = any(4) ? 2 : 0;
    if (any(4)) query.time = now_ - static_cast<RoutingTime>(random_() % 5'000'000'000);
    if (any(3)) query.ingress = &ingress_;
    if (any(5)) query.vrf_table = 1000;
    names_ = to;
    return query;
  }

  std::mt19937 random_;
  std::unique_ptr<RoutingState> state_ = std::make_unique<RoutingState>();
  RoutingTime now_ = 1'000'000'000;
  std::vector<std::pair<std::uint32_t, test::RuleOptions>> rules_;
  InterfaceName ingress_{'e', 't', 'h', '2'};
  std::string names_;
  std::map<std::string, RouteAnswer> last_;
  int found_ = 0;
  int changed_ = 0;
};

TEST(KnownAnswers, AreWhatIsFoundAnewAfterEveryChange) {
  const unsigned seed = test::any_seed();
  SCOPED_TRACE(fmt::format("CTFLOWD_SEED={}", seed));
  int found = 0;
  int changed = 0;
  for (unsigned i = 0; i < 20; ++i) {
    RandomRouting routing(seed + i);
    for (int step = 0; step < test::rounds(1000); ++step) {
      routing.change();
      routing.compare(fmt::format("routing {}, change {}", i, step));
      if (testing::Test::HasFatalFailure()) return;
    }
    found += routing.found();
    changed += routing.changed();
  }
  EXPECT_GT(found, test::rounds(20000));
  EXPECT_GT(changed, test::rounds(20000));
}

}  // namespace
}  // namespace ctflow
