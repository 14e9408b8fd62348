// SPDX-License-Identifier: GPL-2.0-or-later
#include "version/version.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "version/built_parts.hpp"
#include "version_values.hpp"

namespace ctflow {

const BuiltParts& built_parts() { return build::kBuiltParts; }

const char* version() { return build::kVersion; }

std::string version_text() {
  std::string with;
  std::string without;
  for (const build::Part& part : build::kParts)
    (part.present ? with : without) += fmt::format(" {}", part.name);
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
  for (const build::Part& part : build::kParts) json["parts"][part.name] = part.present;
  for (const build::Library& library : build::kLibraries) {
    json["libraries"][std::string(library.name)] = library.version;
  }
  return json.dump(2);
}

}  // namespace ctflow
