// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/ruleset.hpp"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#ifdef CTFLOWD_NFTABLES
#include <nftables/libnftables.h>
#endif

#include <cerrno>
#include <chrono>
#include <memory>
#include <mutex>

#include "netlink/attributes.hpp"
#include "netlink/dump.hpp"
#include "netlink/netfilter_dump.hpp"
#include "text/escape.hpp"

namespace ctflow::nat {
namespace {

/// NFTA_GEN_ID of a message, which is one NFT_MSG_NEWGEN.
bool find_generation(Bytes message, std::uint32_t& generation) {
  constexpr std::size_t kHeaders = NLMSG_HDRLEN + sizeof(nfgenmsg);
  if (message.size() < kHeaders) return false;
  Attributes all(message.subspan(kHeaders));
  Attribute attribute;
  while (all.next(attribute)) {
    if (attribute.type == NFTA_GEN_ID) return read_integer(attribute, generation);
  }
  return false;
}

}  // namespace

std::error_code read_generation(std::uint32_t& generation) {
  constexpr std::chrono::seconds kForAnswer{2};
  Dump dump(NETLINK_NETFILTER);  // one answer, no list
  const NetfilterQuestion question{NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN, NFPROTO_UNSPEC};
  if (const std::error_code error = dump.begin(netfilter_request(question))) return error;
  bool found = false;
  while (!found) {
    if (!dump.wait(kForAnswer)) return std::make_error_code(std::errc::timed_out);
    Dump::State state = dump.receive();
    if (state == Dump::State::kMore) {
      state =
          dump.parse([&](Bytes message) { found = found || find_generation(message, generation); });
    }
    if (state == Dump::State::kFailed) return dump.error();
    if (state == Dump::State::kDone && !found) return std::make_error_code(std::errc::bad_message);
  }
  return {};
}

#ifdef CTFLOWD_NFTABLES
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
  const std::lock_guard lock(library_mutex());
  Libnftables library;
  return read_static_maps(
      [&](const std::string& command, bool elements) { return library.ask(command, elements); });
}
#else
StaticMaps read_ruleset_maps() { throw RulesetError("built without libnftables"); }
#endif

}  // namespace ctflow::nat
