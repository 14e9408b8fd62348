// SPDX-License-Identifier: GPL-2.0-or-later
#include "support/source_directory.hpp"

namespace ctflow::test {

std::string source_directory() { return CTFLOW_SOURCE_DIR; }

}  // namespace ctflow::test
