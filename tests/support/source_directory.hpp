// SPDX-License-Identifier: GPL-2.0-or-later
// Where the checkout is that the tests read their data from. In a file of its own: the path as a
// definition for all files would make each checkout compile all of them anew.
#pragma once

#include <string>

namespace ctflow::test {

std::string source_directory();

}  // namespace ctflow::test
