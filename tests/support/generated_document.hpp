// SPDX-License-Identifier: GPL-2.0-or-later
// Documents that are generated from the code, and held against it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "support/source_directory.hpp"

namespace ctflow::test {

/// That the document is what is generated, or with CTFLOWD_WRITE_DOCS set: writes it. `path`: from
/// the top of the checkout.
inline void expect_document(const std::string& path, const std::string& generated) {
  const std::string file_name = source_directory() + "/" + path;
  if (std::getenv("CTFLOWD_WRITE_DOCS") != nullptr) {
    std::ofstream(file_name) << generated;
    return;
  }
  std::ifstream file(file_name);
  const std::string committed{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(committed, generated) << path << " is not up to date: CTFLOWD_WRITE_DOCS=1 writes it";
}

}  // namespace ctflow::test
