// SPDX-License-Identifier: GPL-2.0-or-later
// How commands that answer questions end.
#pragma once

#include <exception>
#include <ostream>

#include "ctflow/config_error.hpp"

namespace ctflow {

/// What `work` returns, or `no_answer` with one line of why. A mistake in the configuration is the
/// caller's.
template <typename Work>
int answered(std::ostream& errors, int no_answer, Work work) {
  try {
    return work();  // what of it could not be written is main()'s
  } catch (const ConfigError&) {
    throw;
  } catch (const std::exception& error) {
    errors << error.what() << '\n';
    return no_answer;
  }
}

}  // namespace ctflow
