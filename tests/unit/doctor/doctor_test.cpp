// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/doctor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "ctflow/config.hpp"
#include "enrich/routing/routing_state.hpp"
#include "support/routing_messages.hpp"
#include "support/settings_directory.hpp"

namespace ctflow {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string printed(const Diagnosis& diagnosis, bool json = false) {
  std::ostringstream text;
  print(diagnosis, json, text);
  return text.str();
}

class DoctorTest : public testing::Test {
 protected:
  Diagnosis diagnosis_{{{"kernel", "stock"}}, {}};
};

TEST_F(DoctorTest, SaysThatThereAreNoProblems) {
  EXPECT_EQ(printed(diagnosis_), "kernel: stock\nno problems found\n");
  EXPECT_EQ(exit_status(diagnosis_), 0);
}

TEST_F(DoctorTest, SaysWhatIsWrongAndTheCommandThatFixesIt) {
  diagnosis_.findings.wrong.push_back({"accounting_off", "no counters", "sysctl -w x=1"});
  EXPECT_THAT(printed(diagnosis_),
              HasSubstr("accounting_off: no counters\n  fix: sysctl -w x=1\n"));
  EXPECT_THAT(printed(diagnosis_), Not(HasSubstr("no problems found")));
  EXPECT_EQ(exit_status(diagnosis_), 1);
}

TEST_F(DoctorTest, NamesTheSubject) {
  diagnosis_.findings.wrong.push_back({"collector_refused", "closed", "start it", "main"});
  EXPECT_THAT(printed(diagnosis_), HasSubstr("collector_refused main: closed\n"));
  const auto json = nlohmann::json::parse(printed(diagnosis_, true));
  EXPECT_EQ(json.at("findings").at(0).at("subject"), "main");
}

TEST_F(DoctorTest, TakesNotesForNoFault) {
  diagnosis_.findings.notes.push_back({"packets_merged", "counted once", "ethtool"});
  EXPECT_THAT(printed(diagnosis_), HasSubstr("note packets_merged: counted once\n"));
  EXPECT_EQ(exit_status(diagnosis_), 0);
}

TEST_F(DoctorTest, DoesNotCallWellWhatItCouldNotCheck) {
  diagnosis_.findings.unchecked.emplace_back("rules: not permitted");
  EXPECT_THAT(printed(diagnosis_), HasSubstr("not checked: rules: not permitted\n"));
  EXPECT_EQ(exit_status(diagnosis_), 2);
  diagnosis_.findings.wrong.push_back({"a", "b", "c"});
  EXPECT_EQ(exit_status(diagnosis_), 1);
}

TEST_F(DoctorTest, HasTheSameAsJson) {
  diagnosis_.findings = {{{"a", "b", "c"}}, {{"d", "e", "f"}}, {"g\xff"}};
  const auto json = nlohmann::json::parse(printed(diagnosis_, true));
  EXPECT_EQ(json.at("facts").at("kernel"), "stock");
  EXPECT_EQ(json.at("findings").at(0).at("name"), "a");
  EXPECT_EQ(json.at("findings").at(0).at("fix"), "c");
  EXPECT_EQ(json.at("notes").at(0).at("impact"), "e");
  EXPECT_EQ(json.at("unchecked").size(), 1U);
}

TEST_F(DoctorTest, CountsWhatTheRoutingHas) {
  RoutingState state;
  state.apply(test::bytes_of(test::link_message(1, "red", {.vrf_table = 10})));
  EXPECT_EQ(routes_text(state), "0 in 1 interface, 1 of them a VRF, chosen by 0 rules");
  state.apply(test::bytes_of(test::link_message(2, "blue", {.vrf_table = 11})));
  EXPECT_EQ(routes_text(state), "0 in 2 interfaces, 2 of them VRFs, chosen by 0 rules");
}

TEST_F(DoctorTest, SaysWhatTheKernelIs) {
  const test::SettingsDirectory settings;
  SourceConfig config;
  config.measure = Measure::kPatch;
  const auto told = [&] {
    return printed(examine_kernel(MeasuringCheck().find(config, settings.path())));
  };
  EXPECT_THAT(told(), AllOf(HasSubstr("stock kernel: end times are computed"),
                            HasSubstr("kernel_patch: this kernel is without")));
  settings.set("nf_conntrack_flow", "1\n");
  EXPECT_THAT(told(), HasSubstr("are exact for connections that began since"));
  config.wire_counters = false;
  EXPECT_THAT(told(), HasSubstr("counters are conntrack's own (source.wire_counters: false)"));
  settings.set("nf_conntrack_flow", "0\n");
  EXPECT_THAT(told(), HasSubstr("measuring is off"));
}

TEST_F(DoctorTest, SaysWhatPreventsEachOrigin) {
  const test::SettingsDirectory settings;
  SourceConfig config;
  config.measure = Measure::kFentry;
  settings.set("nf_conntrack_timestamp", "0\n");
  const auto told = [&] {
    return printed(examine_kernel(MeasuringCheck().find(config, settings.path())));
  };
  EXPECT_THAT(told(), HasSubstr("fentry: net.netfilter.nf_conntrack_timestamp is not 1"));
  config.delivery = Delivery::kReliable;
  EXPECT_THAT(told(), HasSubstr("fentry: source.delivery: reliable"));
  config.measure = Measure::kOff;
  EXPECT_THAT(told(), HasSubstr("source.measure: off"));
}

TEST_F(DoctorTest, SaysWhatEBPFMakesExact) {
  Measuring measuring;
  measuring.capabilities.origin = MeasurementOrigin::kNetfilter;
  measuring.capabilities.times = measuring.capabilities.counters = true;
  measuring.obstacle = "fentry: no BTF";
  EXPECT_THAT(printed(examine_kernel(measuring)),
              AllOf(HasSubstr("netfilter: times, interfaces, TCP flags and packets as on the wire"),
                    HasSubstr("Not better because: fentry: no BTF")));
}

TEST_F(DoctorTest, NeedsTheConfigurationOnlyWhenItIsNamed) {
  DoctorOptions options{"/nonexistent/ctflowd.yaml", true, false};
  EXPECT_THROW(examine(options), ConfigError);
  options.config_required = false;
  EXPECT_THAT(printed(examine(options)),
              HasSubstr("/nonexistent/ctflowd.yaml does not exist: defaults are used"));
}

}  // namespace
}  // namespace ctflow
