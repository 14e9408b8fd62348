// SPDX-License-Identifier: GPL-2.0-or-later
#include "postgresql/columns.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/line_flows.hpp"
#include "support/source_directory.hpp"

namespace ctflow {
namespace {

using Json = nlohmann::json;
using Values = std::map<std::string, std::string>;

/// Takes a row apart, and escapes back, as COPY does.
Values values_of(const std::string& row) {
  Values values;
  std::string value;
  std::size_t at = 0;
  for (const postgresql::Column& column : postgresql::columns()) {
    value.clear();
    for (; row.at(at) != '\t' && row.at(at) != '\n'; ++at) {
      if (row[at] == '\\' && row.at(at + 1) == '\\') ++at;
      value += row[at];
    }
    ++at;
    values[column.name] = value;
  }
  EXPECT_EQ(at, row.size());
  return values;
}

/// The fields of a line, by the names that columns have.
void add_fields(const Json& object, const std::string& prefix, Values& values) {
  for (const auto& [key, value] : object.items()) {
    if (value.is_object()) {
      add_fields(value, prefix + key + "_", values);
    } else {
      values[prefix + key] = value.is_string() ? value.get<std::string>() : value.dump();
    }
  }
}

std::string column_of(const std::string& field) {
  return field == "start" || field == "end" ? field + "_time" : field;
}

/// RFC 3339 with milliseconds.
std::string line_time(std::string row_time) {
  row_time.at(10) = 'T';
  return row_time.substr(0, 23) + "Z";
}

class PostgresqlColumns : public testing::Test {
 protected:
  PostgresqlColumns() {
    names_.set(7, "lan0");
    names_.set(0x00010002, "a\"\\\x01\xff\t\n\\.");
  }

  std::string row(const Flow& flow) {
    std::string text;
    postgresql::append_row(text, flow, context_);
    return text;
  }

  InterfaceNames names_;
  LineContext context_{test::kSampleDomain, "red", &names_, true, true};
};

TEST_F(PostgresqlColumns, SayWhatTheLineSays) {
  for (const Flow& flow : test::line_flow::every_kind()) {
    std::string line;
    append_line(line, flow, context_);
    Values fields;
    add_fields(Json::parse(line), "", fields);
    fields.erase("v");       // of lines
    fields.erase("family");  // an inet has it
    const Values values = values_of(row(flow));
    for (const auto& [field, expected] : fields) {
      const auto found = values.find(column_of(field));
      ASSERT_NE(found, values.end()) << field;
      const bool time = field == "start" || field == "end" || field == "delta_start";
      EXPECT_EQ(time ? line_time(found->second) : found->second, expected) << field;
    }
    for (const auto& [column, value] : values) {
      const std::string field = column == "start_time" ? "start"
                                : column == "end_time" ? "end"
                                                       : column;
      if (column != "reported") {
        EXPECT_EQ(fields.count(field) == 0, value == "\\N") << column << ' ' << value;
      }
    }
  }
}

void add_properties(const Json& schema, const Json& node, const std::string& prefix,
                    std::vector<std::string>& all) {
  for (const auto& [name, property] : node.at("properties").items()) {
    Json target = property;
    while (target.contains("$ref")) {
      target = schema.at("$defs").at(target["$ref"].get<std::string>().substr(8));
    }
    if (target.contains("properties")) {
      add_properties(schema, target, prefix + name + "_", all);
    } else {
      all.push_back(prefix + name);
    }
  }
}

// A field that is added to the lines has to be added here.
TEST_F(PostgresqlColumns, AreTheFieldsOfTheSchemaAndTheTimeOfTheReport) {
  std::ifstream stream(test::source_directory() + "/docs/connection-log.schema.json");
  const Json schema = Json::parse(stream);
  std::vector<std::string> fields;
  add_properties(schema, schema, "", fields);
  std::vector<std::string> expected{"reported"};
  for (const std::string& field : fields) {
    if (field != "v" && field != "family") expected.push_back(column_of(field));
  }
  std::vector<std::string> found;
  for (const postgresql::Column& column : postgresql::columns()) found.emplace_back(column.name);
  std::sort(expected.begin(), expected.end());
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, expected);
}

TEST_F(PostgresqlColumns, AreOneRowOnOneLineOfAnyName) {
  for (const Flow& flow : test::line_flow::every_kind()) {
    const std::string text = row(flow);
    EXPECT_EQ(text.find('\n'), text.size() - 1);
    EXPECT_LT(text.size(), kLongestLine);
    EXPECT_EQ(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\t')) + 1,
              postgresql::columns().size());
  }
}

TEST_F(PostgresqlColumns, HaveWhatIsKnownOfHostsOnlyIfItIsAskedFor) {
  const std::vector<Flow> flows = test::line_flow::every_kind();
  const auto known = std::find_if(flows.begin(), flows.end(), [](const Flow& flow) {
    return flow.initiator_mac != 0 && flow.responder_origin.as_number != 0;
  });
  ASSERT_NE(known, flows.end());
  Values values = values_of(row(*known));
  EXPECT_EQ(values.at("initiator_mac"), "02:00:5e:00:53:f1");
  EXPECT_EQ(values.at("responder_as"), "4200000001");
  context_.mac_addresses = false;
  values = values_of(row(*known));
  EXPECT_EQ(values.at("initiator_mac"), "\\N");
  EXPECT_EQ(values.at("responder_as"), "4200000001");
  context_ = {test::kSampleDomain, "red", &names_, true, false};
  values = values_of(row(*known));
  EXPECT_EQ(values.at("initiator_mac"), "02:00:5e:00:53:f1");
  EXPECT_EQ(values.at("responder_as"), "\\N");
  EXPECT_EQ(values.at("responder_country"), "\\N");
}

TEST_F(PostgresqlColumns, HaveTimesToTheMicrosecond) {
  Flow flow = test::sample::tcp();
  flow.end =
      TimePoint(std::chrono::microseconds(1'700'000'000'123'456)) + std::chrono::nanoseconds(999);
  flow.event_time = TimePoint(std::chrono::seconds(1'709'251'199));  // a leap day's last second
  const Values values = values_of(row(flow));
  EXPECT_EQ(values.at("end_time"), "2023-11-14 22:13:20.123456+00");
  EXPECT_EQ(values.at("reported"), "2024-02-29 23:59:59.000000+00");
}

TEST_F(PostgresqlColumns, CountWhatTheLedgerCounts) {
  Flow flow = test::sample::snat();
  flow.original_counters = {3, 300};
  flow.reply_counters = {2, 1ULL << 53};
  const ExportAmount amount = postgresql::amount_of_row(row(flow));
  EXPECT_EQ(amount.packets, 5U);
  EXPECT_EQ(amount.octets, 300 + (1ULL << 53));
  EXPECT_EQ(amount.flows, 1U);
  EXPECT_EQ(postgresql::amount_of_row(row(test::line_flow::ended_before(flow))).octets, 0U);
  EXPECT_EQ(postgresql::amount_of_row(row(test::line_flow::uncounted(flow))).packets, 0U);
}

}  // namespace
}  // namespace ctflow
