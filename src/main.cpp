// SPDX-License-Identifier: GPL-2.0-or-later
#include <CLI/CLI.hpp>

int main(int argc, char** argv) {
  CLI::App app{"Flow exporter for the Linux connection table"};
  app.set_version_flag("-V,--version", "ctflowd " CTFLOWD_VERSION);
  CLI11_PARSE(app, argc, argv);
  return 0;
}
