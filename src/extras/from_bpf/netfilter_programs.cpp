// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/from_bpf/netfilter_programs.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/capability.h>
#include <linux/netfilter.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <future>
#include <thread>
#include <utility>
#include <vector>

#include "clock.h"
#include "ctflow_netfilter.skel.h"
#include "extras/from_bpf/kernel_layout.hpp"
#include "extras/from_bpf/refusal.hpp"
#include "extras/from_bpf/timer_tick.hpp"
#include "process/beside.hpp"
#include "process/descriptor.hpp"
#include "text/errno_text.hpp"

namespace ctflow {
namespace {

// linux/bpf.h of Linux 6.4; that of Debian 12 is older.
constexpr unsigned kProgramType = 32;  // BPF_PROG_TYPE_NETFILTER
constexpr unsigned kAttachType = 45;   // BPF_NETFILTER

/// A value that the header's enumeration may not have yet. In C++ it may then be out of its range;
/// libbpf, which gets it, is C.
template <typename Enumeration>
__attribute__((no_sanitize("enum"))) Enumeration unlisted(unsigned number) {
  Enumeration value;
  static_assert(sizeof value == sizeof number);
  std::memcpy(&value, &number, sizeof value);
  return value;
}

/// union bpf_attr for BPF_LINK_CREATE of such a program.
struct LinkRequest {
  std::uint32_t program;
  std::uint32_t target;  // not used: the namespace is the caller's
  std::uint32_t attach_type;
  std::uint32_t flags;
  std::uint32_t family;
  std::uint32_t hook;
  std::int32_t priority;
  std::uint32_t netfilter_flags;
};

struct Hook {
  std::uint32_t number;
  bool early;
};
constexpr std::array kHooks{Hook{NF_INET_PRE_ROUTING, true}, Hook{NF_INET_LOCAL_OUT, true},
                            Hook{NF_INET_LOCAL_IN, false}, Hook{NF_INET_POST_ROUTING, false}};

/// Just after conntrack (-200), and just before it confirms: at INT_MAX, for IPv6 partly one less.
constexpr std::int32_t kEarly = -199;
constexpr std::int32_t kLate = 0x7fffffff - 2;
/// Each process that measures the same namespace needs a priority of its own.
constexpr int kPriorities = 16;

std::string describe(const char* what, int error) {
  return std::string(what) + ": " + text::errno_text(error);
}

struct Destroyed {
  void operator()(ctflow_netfilter* programs) const { ctflow_netfilter__destroy(programs); }
};
using Programs = std::unique_ptr<ctflow_netfilter, Destroyed>;

/// The error number, or 0.
int attach(std::uint32_t family, const Hook& hook, int program, Descriptor& link) {
  for (int i = 0; i < kPriorities; ++i) {
    LinkRequest request{};
    request.program = static_cast<std::uint32_t>(program);
    request.attach_type = kAttachType;
    request.family = family;
    request.hook = hook.number;
    request.priority = hook.early ? kEarly + i : kLate - i;
    const long created = syscall(__NR_bpf, BPF_LINK_CREATE, &request, sizeof request);
    if (created >= 0) {
      link = Descriptor(static_cast<int>(created));
      return 0;
    }
    if (errno != EBUSY) return errno;
  }
  return EBUSY;
}

class NetfilterPrograms final : public MeasuredEntries {
 public:
  explicit NetfilterPrograms(Programs programs)
      : programs_(std::move(programs)),
        connections_(bpf_map__fd(programs_->maps.connections)),
        ended_(bpf_map__fd(programs_->maps.ended)),
        sweep_(bpf_program__fd(programs_->progs.ctflow_sweep)) {}

  bool find(const ctflow_nf_key& key, ctflow_nf_entry& entry) override {
    return bpf_map_lookup_elem(connections_, &key, &entry) == 0;
  }

  bool take(const ctflow_nf_key& key, ctflow_nf_entry& entry) override {
    return bpf_map_lookup_and_delete_elem(connections_, &key, &entry) == 0;
  }

  void put_back(const ctflow_nf_key& key, const ctflow_nf_entry& entry) override {
    bpf_map_update_elem(connections_, &key, &entry, BPF_NOEXIST);
  }

  bool find_ended(const ctflow_nf_ended_key& key, ctflow_nf_entry& entry) override {
    return bpf_map_lookup_elem(ended_, &key, &entry) == 0;
  }

  bool remove_ended(const ctflow_nf_ended_key& key) override {
    return bpf_map_delete_elem(ended_, &key) == 0;
  }

  [[nodiscard]] std::future<void> sweep() override {
    return run_beside("sweep", [this] { run(sweep_); });
  }

  [[nodiscard]] ctflow_nf_totals totals() const override {
    const volatile ctflow_nf_totals& now = programs_->bss->totals;
    return {now.replaced, now.unmeasured, now.unread, now.swept, now.expired, now.offloaded};
  }

  /// Finds out how the kernel's timer tick lies: the first look may be off by one.
  void set_clock() {
    const int program = bpf_program__fd(programs_->progs.ctflow_clock);
    constexpr int kLooks = 20;
    for (int i = 0; i < kLooks; ++i) {
      run(program);
      std::this_thread::sleep_for(std::chrono::microseconds(700));
    }
  }

  /// Empty, or why not.
  std::string attach_all() {
    for (const unsigned family : {NFPROTO_IPV4, NFPROTO_IPV6}) {
      for (const Hook& hook : kHooks) {
        const bpf_program* program =
            hook.early ? programs_->progs.ctflow_early : programs_->progs.ctflow_late;
        Descriptor link;
        if (const int error = attach(family, hook, bpf_program__fd(program), link)) {
          return describe(error == EBUSY ? "too many programs at the netfilter hooks already"
                                         : "the kernel does not attach the programs",
                          error);
        }
        links_.push_back(std::move(link));
      }
    }
    return {};
  }

 private:
  static void run(int program) {
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    bpf_prog_test_run_opts(program, &options);
  }

  Programs programs_;
  int connections_;
  int ended_;
  int sweep_;
  std::vector<Descriptor> links_;
};

/// The last line of a verifier's log that is not its statistics.
std::string last_words(const std::vector<char>& log) {
  std::string_view rest(log.data());
  std::string_view last;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    if (!line.empty() && !line.starts_with("processed ")) last = line;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return std::string(last);
}

std::string why_not_loaded(int error, const std::vector<char>& log) {
  constexpr std::uint64_t kNeeded = 1ULL << CAP_BPF | 1ULL << CAP_PERFMON | 1ULL << CAP_NET_ADMIN;
  const std::string words = last_words(log);
  return explain_refusal(error,
                         words.empty()
                             ? describe("the kernel does not load the programs (6.4 can)", error)
                             : "the kernel does not accept the programs: " + words,
                         kNeeded);
}

void configure(ctflow_netfilter& programs, const ctflow_nf_layout& layout,
               const std::string& directory) {
  programs.rodata->layout = layout;
  programs.rodata->tick_ns = timer_tick();
  programs.rodata->processors = static_cast<std::uint32_t>(std::max(libbpf_num_possible_cpus(), 1));
  if (const std::size_t limit = table_limit(directory)) {
    bpf_map__set_max_entries(programs.maps.connections, static_cast<std::uint32_t>(limit));
  }
  for (bpf_program* program : {programs.progs.ctflow_early, programs.progs.ctflow_late}) {
    bpf_program__set_type(program, unlisted<bpf_prog_type>(kProgramType));
    bpf_program__set_expected_attach_type(program, unlisted<bpf_attach_type>(kAttachType));
  }
}

int be_silent(libbpf_print_level, const char*, va_list) { return 0; }

/// What libbpf says is in the obstacle, too.
class Silence {
 public:
  Silence() : before_(libbpf_set_print(be_silent)) {}
  ~Silence() { libbpf_set_print(before_); }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  Silence(Silence&&) = delete;
  Silence& operator=(Silence&&) = delete;

 private:
  libbpf_print_fn_t before_;
};

}  // namespace

std::unique_ptr<MeasuredEntries> attach_netfilter_programs(std::string& obstacle,
                                                           const std::string& directory) {
  const Silence silence;
  const auto layout = find_kernel_layout();
  if (!layout) {
    obstacle = "no types of conntrack in /sys/kernel/btf (CONFIG_DEBUG_INFO_BTF)";
    return nullptr;
  }
  Programs programs(ctflow_netfilter__open());
  if (!programs) {
    obstacle = describe("the programs cannot be opened", errno);
    return nullptr;
  }
  configure(*programs, *layout, directory);
  std::vector<char> log(std::size_t{1} << 20);
  for (bpf_program* program : {programs->progs.ctflow_early, programs->progs.ctflow_late}) {
    bpf_program__set_log_buf(program, log.data(), log.size());
  }
  if (const int error = ctflow_netfilter__load(programs.get())) {
    obstacle = why_not_loaded(-error, log);
    return nullptr;
  }
  auto attached = std::make_unique<NetfilterPrograms>(std::move(programs));
  attached->set_clock();
  obstacle = attached->attach_all();
  if (!obstacle.empty()) return nullptr;
  return attached;
}

}  // namespace ctflow
