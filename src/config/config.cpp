// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctflow/config.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "config/settings.hpp"
#include "config/source_text.hpp"
#include "config/yaml_reader.hpp"
#include "process/descriptor.hpp"
#include "text/escape.hpp"

namespace ctflow {

namespace {

[[noreturn]] void fail_reading(const std::string& file_name, const std::string& why) {
  throw ConfigError(fmt::format("{}: cannot be read: {}", text::printable(file_name), why));
}

[[noreturn]] void fail_reading(const std::string& file_name, int error) {
  fail_reading(file_name, std::generic_category().message(error));
}

/// The whole file, or a little more than the most that parse_config() takes.
std::string contents(const std::string& file_name) {
  // A pipe without a writer, or a terminal, would hold up the start and every reload.
  const Descriptor file(open(file_name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (!file.is_open() || fstat(file.number(), &status) != 0) fail_reading(file_name, errno);
  if (S_ISDIR(status.st_mode)) fail_reading(file_name, EISDIR);
  if (!S_ISREG(status.st_mode)) {
    fail_reading(file_name, "expected a file, got a pipe, socket or device");
  }
  std::string text;
  std::array<char, 16384> piece{};
  while (text.size() <= config::kMaxFileSize) {
    const ssize_t count = read(file.number(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_reading(file_name, errno);
    if (count == 0) break;
    text.append(piece.data(), static_cast<std::size_t>(count));
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
