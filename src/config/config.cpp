// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctflow/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "config/settings.hpp"
#include "config/shown.hpp"
#include "config/source_text.hpp"
#include "config/yaml_reader.hpp"

namespace ctflow {

bool wants_sessions(const Config& config) {
  return std::any_of(config.collectors.begin(), config.collectors.end(), [](const auto& collector) {
    return collector.profile == Profile::kNatEvents;
  });
}

namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

[[noreturn]] void fail_reading(const std::string& file_name, int error) {
  throw ConfigError(fmt::format("{}: cannot be read: {}", config::printable(file_name),
                                std::generic_category().message(error)));
}

/// The whole file, or a little more than the most that parse_config() takes.
std::string contents(const std::string& file_name) {
  errno = 0;
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(file_name.c_str(), "re"));
  if (!file) fail_reading(file_name, errno);
  std::string text;
  std::array<char, 16384> piece{};
  while (text.size() <= config::kMaxFileSize) {
    const std::size_t count = std::fread(piece.data(), 1, piece.size(), file.get());
    text.append(piece.data(), count);
    if (std::ferror(file.get()) != 0) fail_reading(file_name, errno);
    if (count == 0) break;
  }
  return text;
}

}  // namespace

Config load_config(const std::string& file_name) {
  return parse_config(contents(file_name), file_name);
}

Config parse_config(const std::string& text, const std::string& name) {
  const config::SourceText source(text, name);
  const config::YamlNode root = config::read_yaml(source);
  Config result;
  config::read_section({source, ""}, root, config::settings(), result);
  return result;
}

}  // namespace ctflow
