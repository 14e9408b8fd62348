// SPDX-License-Identifier: GPL-2.0-or-later
// Every trap in which a collector was seen to lose or damage data, one test each.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "support/encoding_session.hpp"

namespace ctflow::test {
namespace {

class Traps : public ::testing::TestWithParam<Protocol> {
 protected:
  Traps() {
    for (const bool zones : {false, true}) {
      MessageParser parser;
      const auto encoder = make_encoder(GetParam(), zones);
      for (const Bytes& message : encode_templates(*encoder)) {
        template_messages_.push_back(parser.parse(message));
        for (const ParsedTemplate& record : template_messages_.back().templates()) {
          flow_templates_.push_back(record);
        }
      }
      options_messages_.push_back(parser.parse(encode_sampling_options(*encoder)));
      options_messages_.push_back(parser.parse(encode_interface_name(*encoder)));
      options_messages_.push_back(parser.parse(encode_statistics(*encoder)));
    }
    all_templates_ = flow_templates_;
    for (const ParsedMessage& message : options_messages_) {
      for (const ParsedTemplate& record : message.templates()) {
        all_templates_.push_back(record);
      }
    }
  }

  void SetUp() override {
    ASSERT_EQ(flow_templates_.size(), 20U);
    ASSERT_EQ(all_templates_.size(), GetParam() == Protocol::kIpfix ? 30U : 26U);
  }

  /// No flow template holds any of these.
  void expect_absent(const std::set<int>& elements) const {
    for (const ParsedTemplate& record : flow_templates_) {
      for (const FieldSpecifier& field : record.fields) {
        EXPECT_FALSE(elements.contains(field.element))
            << "template " << record.id << " holds " << field.element;
      }
    }
  }
  /// Every flow template holds this element with this length.
  void expect_length(int element, int length) const {
    for (const ParsedTemplate& record : flow_templates_) {
      int found = 0;
      for (const FieldSpecifier& field : record.fields) {
        if (field.element == element) {
          ++found;
          EXPECT_EQ(field.length, length) << "template " << record.id << ", element " << element;
        }
      }
      EXPECT_EQ(found, 1) << "template " << record.id << ", element " << element;
    }
  }

  std::vector<ParsedMessage> template_messages_;
  std::vector<ParsedMessage> options_messages_;
  std::vector<ParsedTemplate> flow_templates_;
  std::vector<ParsedTemplate> all_templates_;
};

INSTANTIATE_TEST_SUITE_P(Protocols, Traps, ::testing::Values(Protocol::kIpfix, Protocol::kNetflow9),
                         [](const auto& tested) {
                           return tested.param == Protocol::kIpfix ? "Ipfix" : "Netflow9";
                         });

// nfdump takes 148 in NetFlow v9 for an NSEL connection and flags every record as an event.
TEST_P(Traps, NoFlowIdInNetflow9) {
  if (GetParam() == Protocol::kNetflow9) {
    expect_absent({148});
  } else {
    expect_length(148, 8);
  }
}

// pmacct treats a record with natEvent as an event and counts nothing.
TEST_P(Traps, NoNatEventNorObservationTimeInFlowTemplates) { expect_absent({230, 233, 323}); }

// Conntrack knows no flags; a zero looks like a NULL scan to security tools.
TEST_P(Traps, NoTcpControlBitsByDefault) { expect_absent({6}); }

// Filebeat and Graylog lose the template or the message.
TEST_P(Traps, NoElementTwiceInATemplate) {
  for (const ParsedTemplate& record : all_templates_) {
    std::set<std::pair<bool, int>> seen;
    for (const FieldSpecifier& field : record.fields) {
      EXPECT_TRUE(seen.insert({field.scope, field.element}).second)
          << "template " << record.id << " holds " << field.element << " twice";
    }
  }
}

// logstash rejects the template, Graylog the message.
TEST_P(Traps, NoEnterpriseSpecificElement) {
  for (const ParsedTemplate& record : all_templates_) {
    for (const FieldSpecifier& field : record.fields) {
      EXPECT_EQ(field.enterprise, 0U) << "template " << record.id;
      EXPECT_LT(field.element, 0x8000) << "template " << record.id;
    }
  }
}

TEST_P(Traps, NoFieldOfVariableLength) {
  for (const ParsedTemplate& record : all_templates_) {
    for (const FieldSpecifier& field : record.fields) {
      EXPECT_LE(field.length, 16) << "template " << record.id << ", element " << field.element;
    }
  }
}

// The tables of Graylog and logstash end at 491 and 493.
TEST_P(Traps, NoElementAbove491) {
  for (const ParsedTemplate& record : all_templates_) {
    for (const FieldSpecifier& field : record.fields) {
      EXPECT_LE(field.element, 491) << "template " << record.id;
    }
  }
}

// Seconds show 1970 in nfdump 1.7.1; micro- and nanoseconds differ by collector; 21 and 22 mean
// nothing in IPFIX without 160, and goflow2 does not read 152 and 153 in NetFlow v9.
TEST_P(Traps, TimesAreThoseThatEveryCollectorReads) {
  expect_absent({150, 151, 154, 155, 156, 157, 158, 159, 160, 161});
  if (GetParam() == Protocol::kIpfix) {
    expect_absent({21, 22});
    expect_length(152, 8);
    expect_length(153, 8);
  } else {
    expect_absent({152, 153});
    expect_length(22, 4);
    expect_length(21, 4);
  }
}

// 23, 24, 231, 232 and the totals are added, overwritten or ignored, each by somebody else.
TEST_P(Traps, CountersAreDeltasOf64BitsAndNothingElse) {
  expect_length(1, 8);
  expect_length(2, 8);
  expect_absent({23, 24, 85, 86, 231, 232, 298, 299});
}

// No biflow by default: goflow2, pmacct and FastNetMon lose the reverse half.
TEST_P(Traps, NoBiflowDirection) { expect_absent({239}); }

// A connection's record covers both interfaces: OpenNMS and Filebeat believe either value.
TEST_P(Traps, NoFlowDirection) { expect_absent({61}); }

TEST_P(Traps, InterfacesHaveFourOctets) {
  expect_length(10, 4);
  expect_length(14, 4);
}

// nfdump reads 32 for both families in NetFlow v9, and 139 not at all.
TEST_P(Traps, IcmpTypeOfIpv6IsElement32InNetflow9) {
  for (const ParsedTemplate& record : flow_templates_) {
    const int plain = record.id >= 1344 ? record.id - 64 : record.id;
    std::set<int> icmp;
    for (const FieldSpecifier& field : record.fields) {
      if (field.element == 32 || field.element == 139) {
        icmp.insert(field.element);
        EXPECT_EQ(field.length, 2);
      }
    }
    std::set<int> expected;
    if (plain == 1282 || plain == 1283) {
      expected = {32};
    } else if (plain >= 1287) {
      expected = {GetParam() == Protocol::kIpfix ? 139 : 32};
    }
    EXPECT_EQ(icmp, expected) << "template " << record.id;
  }
}

// nfdump ignores the second Options Template of a Set.
TEST_P(Traps, OneOptionsTemplatePerSet) {
  for (const ParsedMessage& message : options_messages_) {
    for (const ParsedSet& set : message.sets) {
      EXPECT_LE(set.templates.size(), 1U);
    }
  }
}

// Graylog; NetFlow v9 Template FlowSets end at a 4-octet boundary by themselves.
TEST_P(Traps, NoPaddingInTemplateSets) {
  for (const ParsedMessage& message : template_messages_) {
    for (const ParsedSet& set : message.sets) {
      EXPECT_EQ(set.padding, 0U) << "set " << set.id;
    }
  }
  if (GetParam() == Protocol::kIpfix) {
    for (const ParsedMessage& message : options_messages_) {
      EXPECT_EQ(message.sets.at(0).padding, 0U);
    }
  }
}

// Graylog never processes a message that holds options data beside flows.
TEST_P(Traps, OptionsTravelInAMessageOfTheirOwn) {
  for (const ParsedMessage& message : template_messages_) {
    for (const ParsedTemplate& record : message.templates()) {
      EXPECT_FALSE(record.options) << "template " << record.id;
    }
  }
  for (const ParsedMessage& message : options_messages_) {
    ASSERT_EQ(message.sets.size() % 2, 0U);
    for (std::size_t i = 0; i < message.sets.size(); i += 2) {
      ASSERT_EQ(message.sets[i].templates.size(), 1U);
      EXPECT_TRUE(message.sets[i].templates[0].options);
      ASSERT_EQ(message.sets[i + 1].records.size(), 1U);
      EXPECT_TRUE(message.sets[i + 1].records[0].options);
    }
  }
}

// Every interface, time and counter is right only if the first message after start can be read.
TEST_P(Traps, TemplatesAreReadableWithoutAnyOtherMessage) {
  MessageParser parser;
  const auto encoder = make_encoder(GetParam());
  ASSERT_EQ(encode_templates(*encoder).size(), 1U);
  EXPECT_THROW(parser.parse(encode_flows(*encoder, {sample::tcp()})), ParseError);
  encoder->restart_templates();
  parser.parse(encode_templates(*encoder).at(0));
  EXPECT_NO_THROW(parser.parse(encode_flows(*encoder, {sample::tcp()})));
}

std::string layout_of(const ParsedTemplate& record) {
  std::string text;
  for (const FieldSpecifier& field : record.fields) {
    text += fmt::format("{}{}{}:{}", text.empty() ? "" : " ", field.scope ? "scope " : "",
                        field.element, field.length);
  }
  return text;
}

// Collectors remember a Template for up to 4000 minutes, over an upgrade of the exporter (RFC 7011
// section 8.1). What has once been released under an ID stays: EXTEND THESE TABLES, NEVER CHANGE A
// LINE. A new layout gets a new ID.
using Layouts = std::map<int, std::string>;

const Layouts& released_ipfix_layouts() {
  static const std::string v4 =
      "8:4 12:4 1:8 2:8 152:8 153:8 10:4 14:4 7:2 11:2 4:1 136:1 61:1 148:8";
  static const std::string v6 =
      "27:16 28:16 1:8 2:8 152:8 153:8 10:4 14:4 7:2 11:2 4:1 136:1 61:1 148:8";
  static const std::string now4 = "8:4 12:4 1:8 2:8 152:8 153:8 10:4 14:4 7:2 11:2 4:1 136:1 148:8";
  static const std::string now6 =
      "27:16 28:16 1:8 2:8 152:8 153:8 10:4 14:4 7:2 11:2 4:1 136:1 148:8";
  static const std::string nat4 = " 225:4 226:4 227:2 228:2";
  static const std::string nat6 = " 281:16 282:16 227:2 228:2";
  static const std::string zones = " 234:4 235:4";
  static const Layouts layouts{
      {256, v4},
      {257, v4 + nat4},
      {258, v4 + " 32:2"},
      {259, v4 + nat4 + " 32:2"},
      {260, v6},
      {261, v6 + nat6},
      {262, v6 + nat4},
      {263, v6 + " 139:2"},
      {264, v6 + nat6 + " 139:2"},
      {265, v6 + nat4 + " 139:2"},
      {290, "scope 149:4 34:4 35:1"},
      {291, "scope 149:4 10:4 82:16 83:16"},
      {292, "scope 149:4 41:8 42:8 40:8"},
      {293, "scope 149:4 164:8 165:8"},
      {294, "scope 144:4 166:8 167:8 168:8"},
      {320, v4 + zones},
      {321, v4 + nat4 + zones},
      {322, v4 + " 32:2" + zones},
      {323, v4 + nat4 + " 32:2" + zones},
      {324, v6 + zones},
      {325, v6 + nat6 + zones},
      {326, v6 + nat4 + zones},
      {327, v6 + " 139:2" + zones},
      {328, v6 + nat6 + " 139:2" + zones},
      {329, v6 + nat4 + " 139:2" + zones},
      {1280, now4},
      {1281, now4 + nat4},
      {1282, now4 + " 32:2"},
      {1283, now4 + nat4 + " 32:2"},
      {1284, now6},
      {1285, now6 + nat6},
      {1286, now6 + nat4},
      {1287, now6 + " 139:2"},
      {1288, now6 + nat6 + " 139:2"},
      {1289, now6 + nat4 + " 139:2"},
      {1344, now4 + zones},
      {1345, now4 + nat4 + zones},
      {1346, now4 + " 32:2" + zones},
      {1347, now4 + nat4 + " 32:2" + zones},
      {1348, now6 + zones},
      {1349, now6 + nat6 + zones},
      {1350, now6 + nat4 + zones},
      {1351, now6 + " 139:2" + zones},
      {1352, now6 + nat6 + " 139:2" + zones},
      {1353, now6 + nat4 + " 139:2" + zones},
  };
  return layouts;
}

const Layouts& released_netflow9_layouts() {
  static const std::string v4 = "8:4 12:4 1:8 2:8 22:4 21:4 10:4 14:4 7:2 11:2 4:1 136:1 61:1";
  static const std::string v6 = "27:16 28:16 1:8 2:8 22:4 21:4 10:4 14:4 7:2 11:2 4:1 136:1 61:1";
  static const std::string now4 = "8:4 12:4 1:8 2:8 22:4 21:4 10:4 14:4 7:2 11:2 4:1 136:1";
  static const std::string now6 = "27:16 28:16 1:8 2:8 22:4 21:4 10:4 14:4 7:2 11:2 4:1 136:1";
  static const std::string nat4 = " 225:4 226:4 227:2 228:2";
  static const std::string nat6 = " 281:16 282:16 227:2 228:2";
  static const std::string zones = " 234:4 235:4";
  static const Layouts layouts{
      {256, v4},
      {257, v4 + nat4},
      {258, v4 + " 32:2"},
      {259, v4 + nat4 + " 32:2"},
      {260, v6},
      {261, v6 + nat6},
      {262, v6 + nat4},
      {263, v6 + " 32:2"},
      {264, v6 + nat6 + " 32:2"},
      {265, v6 + nat4 + " 32:2"},
      {290, "scope 1:4 34:4 35:1"},
      {291, "scope 1:4 10:4 82:16 83:16"},
      {292, "scope 1:4 41:8 42:8 40:8"},
      {320, v4 + zones},
      {321, v4 + nat4 + zones},
      {322, v4 + " 32:2" + zones},
      {323, v4 + nat4 + " 32:2" + zones},
      {324, v6 + zones},
      {325, v6 + nat6 + zones},
      {326, v6 + nat4 + zones},
      {327, v6 + " 32:2" + zones},
      {328, v6 + nat6 + " 32:2" + zones},
      {329, v6 + nat4 + " 32:2" + zones},
      {1280, now4},
      {1281, now4 + nat4},
      {1282, now4 + " 32:2"},
      {1283, now4 + nat4 + " 32:2"},
      {1284, now6},
      {1285, now6 + nat6},
      {1286, now6 + nat4},
      {1287, now6 + " 32:2"},
      {1288, now6 + nat6 + " 32:2"},
      {1289, now6 + nat4 + " 32:2"},
      {1344, now4 + zones},
      {1345, now4 + nat4 + zones},
      {1346, now4 + " 32:2" + zones},
      {1347, now4 + nat4 + " 32:2" + zones},
      {1348, now6 + zones},
      {1349, now6 + nat6 + zones},
      {1350, now6 + nat4 + zones},
      {1351, now6 + " 32:2" + zones},
      {1352, now6 + nat6 + " 32:2" + zones},
      {1353, now6 + nat4 + " 32:2" + zones},
  };
  return layouts;
}

TEST_P(Traps, ALayoutIsBoundToItsTemplateIdForEver) {
  Layouts found;
  for (const ParsedTemplate& record : all_templates_) {
    const auto [known, added] = found.try_emplace(record.id, layout_of(record));
    EXPECT_TRUE(added || known->second == layout_of(record)) << "template " << record.id;
  }
  Layouts current;
  for (const auto& [id, layout] :
       GetParam() == Protocol::kIpfix ? released_ipfix_layouts() : released_netflow9_layouts()) {
    const bool retired = layout.find(" 61:1") != std::string::npos;
    if (!retired) current.emplace(id, layout);
  }
  EXPECT_EQ(found, current);
}

}  // namespace
}  // namespace ctflow::test
