// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/file_contents.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "config/source_text.hpp"
#include "ctflow/config_error.hpp"
#include "process/regular_file.hpp"
#include "text/escape.hpp"

namespace ctflow::config {

std::string file_contents(const std::string& file_name) {
  try {
    return read_regular_file(file_name, kMaxFileSize).text;
  } catch (const std::runtime_error& error) {
    throw ConfigError(
        fmt::format("{}: cannot be read: {}", text::printable(file_name), error.what()));
  }
}

}  // namespace ctflow::config
