// SPDX-License-Identifier: GPL-2.0-or-later
// Any text is either a configuration or refused by one line; anything else is a defect.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "ctflow/config.hpp"

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  try {
    const ctflow::Config config = ctflow::parse_config(text, "fuzz");
    if (config.collectors.empty()) std::abort();
  } catch (const ctflow::ConfigError& error) {
    const std::string line = error.what();
    if (line.rfind("fuzz:", 0) != 0 || line.find('\n') != std::string::npos) std::abort();
  }
  return 0;
}
