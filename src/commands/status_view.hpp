// SPDX-License-Identifier: GPL-2.0-or-later
// A status for a person, from the JSON that a running ctflowd gave.
#pragma once

#include <string>

namespace ctflow {

struct StatusView {
  std::string text;  ///< the first line says whether all is well
  bool well = false;
};

/// Throws std::runtime_error when that is not the status of a ctflowd.
StatusView view_status(const std::string& json);

}  // namespace ctflow
