// SPDX-License-Identifier: GPL-2.0-or-later
// read_ruleset_maps() of ruleset.hpp.
#include <nftables/libnftables.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "nat_log/ruleset.hpp"
#include "text/escape.hpp"

namespace ctflow::nat {
namespace {

class Libnftables {
 public:
  Libnftables() : context_(nft_ctx_new(NFT_CTX_DEFAULT)) {
    if (!context_ || nft_ctx_buffer_output(context_.get()) != 0 ||
        nft_ctx_buffer_error(context_.get()) != 0) {
      throw RulesetError("libnftables: it cannot be used, there may be no memory");
    }
  }

  std::string ask(const std::string& command, bool elements) {
    constexpr unsigned kFlags =
        NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_NUMERIC_ALL | NFT_CTX_OUTPUT_STATELESS;
    nft_ctx_output_set_flags(context_.get(), elements ? kFlags : kFlags | NFT_CTX_OUTPUT_TERSE);
    const int failed = nft_run_cmd_from_buffer(context_.get(), command.c_str());
    std::string answer = nft_ctx_get_output_buffer(context_.get());
    const std::string error = nft_ctx_get_error_buffer(context_.get());
    if (failed != 0) throw RulesetError("libnftables: " + text::quoted(error, 200));
    return answer;
  }

 private:
  struct Closer {
    void operator()(nft_ctx* context) const { nft_ctx_free(context); }
  };
  std::unique_ptr<nft_ctx, Closer> context_;
};

/// Nothing says that two threads may use the library at a time.
std::mutex& library_mutex() {
  static std::mutex one;
  return one;
}

}  // namespace

StaticMaps read_ruleset_maps() {
  const std::vector<RulesetTable> tables = read_tables();
  const std::lock_guard lock(library_mutex());
  Libnftables library;
  return read_static_maps(
      [&](const std::string& command, bool elements) { return library.ask(command, elements); },
      tables);
}

}  // namespace ctflow::nat
