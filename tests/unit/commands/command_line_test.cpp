// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/command_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "text/columns.hpp"

namespace ctflow {
namespace {

ParsedCommandLine parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "ctflowd");
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const ParsedCommandLine parsed =
      parse_command_line(static_cast<int>(arguments.size()), arguments.data());
  testing::internal::GetCapturedStdout();
  testing::internal::GetCapturedStderr();
  return parsed;
}

CommandLine line(const std::vector<const char*>& arguments) {
  return parse(arguments).value.value();
}

TEST(CommandLine, RunsByDefault) {
  EXPECT_EQ(line({}).command, Command::kRun);
  EXPECT_EQ(line({}).config, "/etc/ctflowd/ctflowd.yaml");
  EXPECT_EQ(line({"-c", "a.yaml"}).config, "a.yaml");
  EXPECT_EQ(line({"run", "-c", "a.yaml"}).config, "a.yaml");
}

TEST(CommandLine, TakesTheFormatOfLogLines) {
  EXPECT_EQ(line({}).log_format, log::LineFormat::kText);
  EXPECT_EQ(line({"--log-format", "json"}).log_format, log::LineFormat::kJson);
  EXPECT_EQ(line({"run", "--log-format", "journal"}).log_format, log::LineFormat::kJournal);
  EXPECT_EQ(line({"replay", "x.pcap", "--log-format=json"}).log_format, log::LineFormat::kJson);
  for (const char* wrong : {"", "JSON", "1", "syslog"}) {
    EXPECT_FALSE(parse({"--log-format", wrong}).value) << wrong;
  }
}

TEST(CommandLine, HasTheOptionsOfEachCommand) {
  EXPECT_EQ(line({"check", "--config", "a.yaml"}).command, Command::kCheck);
  EXPECT_EQ(line({"record", "x.pcap"}).command, Command::kRecord);
  const CommandLine replay = line({"replay", "x.pcap", "--rate", "7", "-c", "a.yaml"});
  EXPECT_EQ(replay.command, Command::kReplay);
  EXPECT_EQ(replay.file, "x.pcap");
  EXPECT_EQ(replay.rate, 7U);
  const CommandLine status = line({"status", "--json", "--watch", "--socket", "/run/s"});
  EXPECT_EQ(status.command, Command::kStatus);
  EXPECT_TRUE(status.status.json && status.status.watch);
  EXPECT_EQ(status.status.socket, "/run/s");
}

TEST(CommandLine, TakesTheFileOfACheckAlsoWithoutAnOption) {
  EXPECT_EQ(line({"check", "a.yaml"}).config, "a.yaml");
  EXPECT_FALSE(line({"check", "a.yaml"}).show);
  EXPECT_TRUE(line({"check", "--show"}).show);
  EXPECT_EQ(parse({"check", "a.yaml", "-c", "b.yaml"}).exit_status, 2);
  EXPECT_EQ(parse({"-c", "a.yaml", "check", "b.yaml"}).exit_status, 2);
  EXPECT_EQ(parse({"-c", "a.yaml", "run", "-c", "b.yaml"}).exit_status, 2);
  EXPECT_EQ(parse({"-c", "a.yaml", "replay", "x.pcap", "-c", "b.yaml"}).exit_status, 2);
  EXPECT_EQ(parse({"-c", "a.yaml", "accounting", "check", "-c", "b.yaml"}).exit_status, 2);
}

TEST(CommandLine, PrintsTheConfigurationOrTheSchemaOfAll) {
  EXPECT_TRUE(line({"check", "--json-schema"}).json_schema);
  EXPECT_EQ(parse({"check", "--json-schema", "--show"}).exit_status, 2);
  EXPECT_EQ(parse({"check", "--show", "a.yaml", "--json-schema"}).exit_status, 2);
}

TEST(CommandLine, RefusesWhatQuotasDoNotHave) {
  EXPECT_TRUE(line({"report", "--over-quota", "--bytes", "--period", "last"}).report.over_quota);
  for (const char* option : {"--by=host", "--top=3"}) {
    EXPECT_FALSE(parse({"report", "--over-quota", option}).value) << option;
    EXPECT_FALSE(parse({"report", option, "--over-quota"}).value) << option;
    EXPECT_TRUE(parse({"report", option}).value) << option;
  }
}

TEST(CommandLine, TakesAnIntervalOfAWatchOnly) {
  EXPECT_EQ(line({"status", "--watch", "--interval", "7"}).status.interval_seconds, 7U);
  EXPECT_EQ(parse({"status", "--interval", "7"}).exit_status, 2);
  EXPECT_EQ(parse({"status", "--watch", "--interval", "0"}).exit_status, 2);
}

TEST(CommandLine, RequiresTheFileOfADoctorOnlyWhenItIsGiven) {
  EXPECT_FALSE(line({"doctor"}).doctor.config_required);
  for (const auto& given : {std::vector<const char*>{"doctor", "-c", "a.yaml", "--json"},
                            std::vector<const char*>{"-c", "a.yaml", "doctor", "--json"},
                            std::vector<const char*>{"doctor", "a.yaml", "--json"}}) {
    const DoctorOptions doctor = line(given).doctor;
    EXPECT_TRUE(doctor.config_required && doctor.json);
    EXPECT_EQ(doctor.config, "a.yaml");
  }
}

TEST(CommandLine, EndsWithAnExitStatus) {
  EXPECT_EQ(parse({"--help"}).exit_status, 0);
  EXPECT_FALSE(parse({"--version"}).value);
  EXPECT_EQ(parse({"--version", "--json"}).exit_status, 0);
  EXPECT_EQ(parse({"--json"}).exit_status, 2) << "JSON of what?";
  EXPECT_EQ(parse({"--frobnicate"}).exit_status, 2);
  EXPECT_EQ(parse({"record"}).exit_status, 2) << "the file is missing";
  EXPECT_EQ(parse({"status", "check"}).exit_status, 2) << "one command only";
  EXPECT_FALSE(parse({"record"}).value);
}

TEST(CommandLine, HelpFitsATerminal) {
  for (const char* const command : {"run", "check", "doctor", "status", "record", "replay",
                                    "report", "top", "accounting", "nat-lookup", "nat-log"}) {
    const std::vector<const char*> arguments{"ctflowd", command, "--help"};
    testing::internal::CaptureStdout();
    parse_command_line(static_cast<int>(arguments.size()), arguments.data());
    std::istringstream help(testing::internal::GetCapturedStdout());
    for (std::string row; std::getline(help, row);) {
      EXPECT_EQ(row, text::cut(row, text::kColumns)) << command;
    }
  }
}

TEST(CommandLine, TakesNoEmptyValues) {
  const std::vector<std::vector<const char*>> all{{"-c", ""},
                                                  {"check", ""},
                                                  {"report", "--period", ""},
                                                  {"report", "--since="},
                                                  {"nat-lookup", "192.0.2.1:1", "--protocol", ""},
                                                  {"nat-lookup", "192.0.2.1:1", "--remote", ""},
                                                  {"nat-lookup", "--subject", ""},
                                                  {"accounting", "prune", "--database", ""},
                                                  {"top", "--by", ""},
                                                  {"replay", ""}};
  for (const std::vector<const char*>& arguments : all) {
    EXPECT_FALSE(parse(arguments).value.has_value()) << arguments.front();
  }
}

}  // namespace
}  // namespace ctflow
