// SPDX-License-Identifier: GPL-2.0-or-later
// What libpq and a server say, on one line.
#pragma once

#include <string>

namespace ctflow::postgresql {

/// `message` may be null and have several lines.
inline std::string message_text(const char* message) {
  std::string text;
  for (const char* at = message == nullptr ? "" : message; *at != '\0'; ++at) {
    const bool space = *at == '\n' || *at == '\t' || *at == ' ';
    if (!space) {
      text += *at;
    } else if (!text.empty() && text.back() != ' ') {
      text += ' ';
    }
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text.empty() ? "no reason given" : text;
}

}  // namespace ctflow::postgresql
