// SPDX-License-Identifier: GPL-2.0-or-later
// The JSON status as text.
#pragma once

#include <string>

namespace ctflow {

struct StatusView {
  std::string text;  ///< the first line says whether there are problems
  bool well = false;
};

/// Throws std::runtime_error for anything but the status of a ctflowd.
StatusView view_status(const std::string& json);

}  // namespace ctflow
