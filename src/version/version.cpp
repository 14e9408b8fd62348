// SPDX-License-Identifier: GPL-2.0-or-later
#include "version/version.hpp"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "version_values.hpp"

namespace ctflow {
namespace {

struct Part {
  const char* name;
  bool present;
};

#ifdef CTFLOWD_BPF
constexpr bool kWithBpf = true;
#else
constexpr bool kWithBpf = false;
#endif
#ifdef CTFLOWD_KAFKA
constexpr bool kWithKafka = true;
#else
constexpr bool kWithKafka = false;
#endif
#ifdef CTFLOWD_POSTGRESQL
constexpr bool kWithPostgresql = true;
#else
constexpr bool kWithPostgresql = false;
#endif
#ifdef CTFLOWD_MAXMIND
constexpr bool kWithMaxmind = true;
#else
constexpr bool kWithMaxmind = false;
#endif
#ifdef CTFLOWD_RECORD
constexpr bool kWithRecord = true;
#else
constexpr bool kWithRecord = false;
#endif
#ifdef CTFLOWD_STATUS
constexpr bool kWithStatus = true;
#else
constexpr bool kWithStatus = false;
#endif
#ifdef CTFLOWD_NFTABLES
constexpr bool kWithNftables = true;
#else
constexpr bool kWithNftables = false;
#endif
#ifdef CTFLOWD_SQLITE
constexpr bool kWithSqlite = true;
#else
constexpr bool kWithSqlite = false;
#endif
#ifdef CTFLOWD_TLS
constexpr bool kWithTls = true;
#else
constexpr bool kWithTls = false;
#endif

/// Named as the options of the build are: CTFLOWD_BPF, …
constexpr std::array<Part, 9> kParts{{{"bpf", kWithBpf},
                                      {"kafka", kWithKafka},
                                      {"maxmind", kWithMaxmind},
                                      {"nftables", kWithNftables},
                                      {"postgresql", kWithPostgresql},
                                      {"record", kWithRecord},
                                      {"sqlite", kWithSqlite},
                                      {"status", kWithStatus},
                                      {"tls", kWithTls}}};

}  // namespace

const char* version() { return build::kVersion; }

std::string version_text() {
  std::string with;
  std::string without;
  for (const Part& part : kParts) (part.present ? with : without) += fmt::format(" {}", part.name);
  std::string text = fmt::format(
      "ctflowd {}\nbuild: {}\nwith:{}\nwithout:{}\nlibraries:", version(), build::kType,
      with.empty() ? " nothing optional" : with, without.empty() ? " nothing" : without);
  for (const build::Library& library : build::kLibraries) {
    text += fmt::format(" {} {}", library.name, library.version);
  }
  return text;
}

std::string version_json() {
  nlohmann::ordered_json json{{"version", version()}, {"build_type", build::kType}};
  for (const Part& part : kParts) json["parts"][part.name] = part.present;
  for (const build::Library& library : build::kLibraries) {
    json["libraries"][std::string(library.name)] = library.version;
  }
  return json.dump(2);
}

}  // namespace ctflow
