// SPDX-License-Identifier: GPL-2.0-or-later
// What values are called in the configuration, and likewise in the status.
#pragma once

#include <cstddef>

#include "config/formats.hpp"
#include "ctflow/choices.hpp"
#include "ctflow/protocol.hpp"

namespace ctflow::config {

template <typename Value>
struct SettingWord {
  const char* word;
  Value value;
};

inline constexpr SettingWord<Protocol> kProtocolWords[] = {{"ipfix", Protocol::kIpfix},
                                                           {"netflow9", Protocol::kNetflow9},
                                                           {"netflow5", Protocol::kNetflow5}};
inline constexpr SettingWord<TransportKind> kTransportWords[] = {{"udp", TransportKind::kUdp},
                                                                 {"tcp", TransportKind::kTcp},
                                                                 {"tls", TransportKind::kTls},
                                                                 {"file", TransportKind::kFile}};
inline constexpr SettingWord<GroupMode> kGroupModeWords[] = {{"failover", GroupMode::kFailover},
                                                             {"balance", GroupMode::kBalance}};
inline constexpr SettingWord<LogDestination> kDestinationWords[] = {
    {"file", LogDestination::kFile},   {"stdout", LogDestination::kStdout},
    {"unix", LogDestination::kUnix},   {"tcp", LogDestination::kTcp},
    {"kafka", LogDestination::kKafka}, {"postgresql", LogDestination::kPostgresql}};

template <typename Value, std::size_t kCount>
constexpr const char* word_in(const SettingWord<Value> (&words)[kCount], Value value) {
  for (const SettingWord<Value>& one : words) {
    if (one.value == value) return one.word;
  }
  return "";
}

constexpr const char* word_of(Protocol value) { return word_in(kProtocolWords, value); }
constexpr const char* word_of(TransportKind value) { return word_in(kTransportWords, value); }
constexpr const char* word_of(GroupMode value) { return word_in(kGroupModeWords, value); }
constexpr const char* word_of(LogDestination value) { return word_in(kDestinationWords, value); }

template <typename Value, std::size_t kCount>
ValueFormat<Value> choice_of(const SettingWord<Value> (&words)[kCount]) {
  std::vector<std::pair<std::string, Value>> pairs;
  pairs.reserve(kCount);
  for (const SettingWord<Value>& one : words) pairs.emplace_back(one.word, one.value);
  return choice<Value>(pairs);
}

}  // namespace ctflow::config
