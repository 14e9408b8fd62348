// SPDX-License-Identifier: GPL-2.0-or-later
// How commands that answer questions end.
#pragma once

#include <exception>
#include <ostream>
#include <stdexcept>

#include "ctflow/config_error.hpp"

namespace ctflow {

/// What `work` returns, or `no_answer` with one line of why. A mistake in the configuration is the
/// caller's.
template <typename Work>
int answered(std::ostream& out, std::ostream& errors, int no_answer, Work work) {
  try {
    const int status = work();
    if (!out.flush()) throw std::runtime_error("standard output: not all of it could be written");
    return status;
  } catch (const ConfigError&) {
    throw;
  } catch (const std::exception& error) {
    errors << error.what() << '\n';
    return no_answer;
  }
}

}  // namespace ctflow
