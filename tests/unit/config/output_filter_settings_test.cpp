// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/output_filter_settings.hpp"

#include <gtest/gtest.h>

#include "config/settings.hpp"

namespace ctflow::config {
namespace {

const std::string kCollector =
    "collectors:\n"
    "  - {name: a, address: 192.0.2.1, port: 4739, protocol: ipfix, filter: ";

Config with_filter(const std::string& rules) {
  return parse_config(kCollector + rules + "}\n", "FILE");
}

/// The message, without where it is.
std::string refusal(const std::string& rules) {
  try {
    with_filter(rules);
  } catch (const ConfigError& error) {
    const std::string text = error.what();
    return text.substr(text.find("filter"));
  }
  return "";
}

TEST(OutputFilterSettings, AreReadInTheirOrder) {
  const Config config = with_filter(
      "[{action: exclude, protocols: [icmp], name: pings},"
      " {action: include, networks: [10.0.0.0/8], post_nat_sources: [192.0.2.9],"
      "  ports: [80, 1024-65535], interfaces: [ppp0, 7], zones: [3], marks: [1/255]}]");
  const auto& rules = config.collectors.front().filter;
  ASSERT_EQ(rules.size(), 2U);
  EXPECT_EQ(rules[0].action, FilterAction::kExclude);
  EXPECT_EQ(rules[0].name, "pings");
  EXPECT_EQ(rules[0].protocols, (std::vector<std::uint64_t>{1}));
  EXPECT_EQ(rules[1].action, FilterAction::kInclude);
  EXPECT_EQ(rules[1].networks.front().length, 8);
  EXPECT_EQ(rules[1].post_nat_sources.front().length, 32);
  EXPECT_EQ(rules[1].ports, (std::vector<PortMatch>{{80, 80}, {1024, 65535}}));
  EXPECT_EQ(rules[1].interfaces, (std::vector<InterfaceMatch>{{"ppp0", 0}, {"", 7}}));
  EXPECT_EQ(rules[1].zones, (std::vector<std::uint64_t>{3}));
  EXPECT_EQ(rules[1].marks, (std::vector<MarkMatch>{{1, 255}}));
}

TEST(OutputFilterSettings, AreShownAsTheyAreRead) {
  const Config config = with_filter(
      "[{action: exclude, source_ports: [1-2], egress_interfaces: [9]}, {action: include}]");
  EXPECT_EQ(parse_config(show(config), "FILE").collectors, config.collectors);
}

TEST(OutputFilterSettings, SayWhatIsWrong) {
  const struct {
    const char* rules;
    const char* message;
  } cases[] = {
      {"[{protocols: [tcp]}]", "filter[0].action: missing: expected include or exclude"},
      {"[{action: drop}]",
       "filter[0].action: expected include or exclude, got \"drop\": did you mean \"exclude\"?"},
      {"[{action: include, ports: [90-80]}]",
       "filter[0].ports[0]: expected a port, or FIRST-LAST, numbers from 0 to 65535, got "
       "\"90-80\": the first is above the last: write 80-90"},
      {"[{action: include, interfaces: [0]}]",
       "filter[0].interfaces[0]: expected the name of an interface, or its ifIndex from 1 to "
       "4294967295, got \"0\": 0 stands for an interface that is not known, and for this host"},
      {"[{action: include, name: 7}]",
       "filter[0].name: expected another name, got 7: rules without a name are called by their "
       "numbers, and unmatched and earlier are taken"},
      {"[{action: include}, {action: exclude, protocols: [tcp]}]",
       "filter: rule 1 has no conditions and matches everything: no rule behind it would ever "
       "decide"},
      {"[{action: exclude}]",
       "filter: every rule excludes, and the last one everything: nothing would be left; add a "
       "rule with action: include, or remove the last"},
      {"[{action: include, name: x, zones: [1]}, {action: include, name: x, zones: [2]}]",
       "filter: two rules have the name x"},
  };
  for (const auto& [rules, message] : cases) EXPECT_EQ(refusal(rules), message) << rules;
}

TEST(OutputFilterSettings, OfAGroupAreNotThoseOfItsCollectors) {
  const std::string two =
      "collectors:\n"
      "  - {name: a, address: 192.0.2.1, port: 1, protocol: ipfix, filter: [{action: include}]}\n"
      "  - {name: b, address: 192.0.2.2, port: 1, protocol: ipfix}\n"
      "groups: [{name: g, mode: failover, collectors: [a, b]}]\n";
  try {
    parse_config(two, "FILE");
    FAIL() << "was taken";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what())
                  .find("the collector a has a filter of its own: the group "
                        "g needs one for all its collectors"),
              std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace ctflow::config
