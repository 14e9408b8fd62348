// SPDX-License-Identifier: GPL-2.0-or-later
// What the reader of the configuration throws.
#pragma once

#include <stdexcept>

namespace ctflow {

/// A configuration that cannot be used. what() is the line for the user:
/// `FILE:LINE:COLUMN: PATH: expected …, got …`.
class ConfigError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace ctflow
