// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/from_bpf/tracing_programs.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "clock.h"
#include "ctflow_flowtable.skel.h"
#include "ctflow_tracing.skel.h"
#include "extras/from_bpf/kernel_functions.hpp"
#include "extras/from_bpf/library_log.hpp"
#include "extras/from_bpf/make_programs.hpp"
#include "extras/from_bpf/refusal.hpp"
#include "extras/from_bpf/timer_tick.hpp"
#include "log/log.hpp"
#include "netlink/conntrack_settings.hpp"
#include "process/beside.hpp"
#include "text/errno_text.hpp"

namespace ctflow {

namespace {

constexpr std::uint32_t kDefaultConnections = 262144;

template <typename Skeleton, void (*destroy)(Skeleton*)>
struct Destroy {
  void operator()(Skeleton* skeleton) const { destroy(skeleton); }
};
using Tracing = std::unique_ptr<ctflow_tracing, Destroy<ctflow_tracing, ctflow_tracing__destroy>>;
using Flowtable =
    std::unique_ptr<ctflow_flowtable, Destroy<ctflow_flowtable, ctflow_flowtable__destroy>>;

struct FreeRing {
  void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
};
using Ring = std::unique_ptr<ring_buffer, FreeRing>;

std::string cause(int error, const LibraryLog& log, const KernelFunctions& kernel) {
  std::uint64_t needed = 1ULL << CAP_BPF | 1ULL << CAP_PERFMON;
  if (kernel.in_module()) needed |= 1ULL << CAP_SYS_ADMIN;
  return explain_refusal(error, log.cause().empty() ? text::errno_text(error) : log.cause(),
                         needed);
}

/// One of two or more programs for the same purpose.
void choose(std::initializer_list<std::pair<bpf_program*, bool>> programs) {
  for (const auto& [program, wanted] : programs) bpf_program__set_autoload(program, wanted);
}

void choose_programs(ctflow_tracing& skeleton, const KernelFunctions& kernel, bool direct) {
  const auto& programs = skeleton.progs;
  const bool by_family = kernel.has("ipv4_confirm");  // there, nf_confirm is another function
  const bool cleanup = kernel.has("nf_ct_iterate_cleanup");
  const bool early_drop = kernel.has("early_drop");
  const bool periodic = kernel.has("gc_worker");
  const bool update = kernel.has("nf_conntrack_update");
  const bool killed = kernel.has("nf_ct_kill_acct");
  const bool freed = kernel.has("nf_ct_destroy");
  choose({{programs.tracked_direct, direct},
          {programs.tracked_probe, !direct},
          {programs.killed_direct, killed && direct},
          {programs.killed_probe, killed && !direct},
          {programs.leaving, !by_family},
          {programs.leaving_ipv4, by_family},
          {programs.leaving_ipv6, by_family && kernel.has("ipv6_confirm")},
          {programs.freed, freed},
          {programs.freed_old, !freed},
          {programs.inserted, kernel.has("nf_conntrack_hash_check_insert")},
          {programs.update, update},
          {programs.updated, update},
          {programs.early_drop_begin, early_drop},
          {programs.early_drop_end, early_drop},
          {programs.cleanup_begin, cleanup},
          {programs.cleanup_end, cleanup},
          {programs.periodic_begin, periodic},
          {programs.periodic_end, periodic}});
}

/// Their numbers are below it.
std::uint32_t processors() {
  const int possible = libbpf_num_possible_cpus();
  return std::bit_ceil(static_cast<std::uint32_t>(std::max(possible, 1)));
}

struct Detach {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using Links = std::vector<std::unique_ptr<bpf_link, Detach>>;

bool attach(bpf_program* program, Links& links) {
  bpf_link* link = bpf_program__attach(program);
  if (link == nullptr) return false;
  links.emplace_back(link);
  return true;
}

/// Whatever puts something into the map comes after what takes it out again.
bool attach(const ctflow_tracing& skeleton, Links& links) {
  const auto& programs = skeleton.progs;
  bpf_program* program = nullptr;
  bpf_program* last = nullptr;
  bpf_object__for_each_program(program, skeleton.obj) {
    if (!bpf_program__autoload(program) || program == programs.sweep) continue;
    if (program == programs.tracked_direct || program == programs.tracked_probe)
      last = program;
    else if (!attach(program, links))
      return false;
  }
  return last != nullptr && attach(last, links);
}

/// How often the kernel skipped a program; 0 of one that is not loaded.
std::uint64_t misses(const bpf_program* program) {
  if (!bpf_program__autoload(program)) return 0;
  bpf_prog_info info{};
  std::uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) != 0) return 0;
  return info.recursion_misses;
}

/// Packets of flowtables. Nothing when the module is not there, or its programs do not load: then
/// `refused` is set, and said why.
Flowtable load_flowtable(const ctflow_tracing& tracing, Links& links, bool& refused) {
  const KernelFunctions kernel("nf_flow_table", "flow_offload_refresh");
  if (!kernel.obstacle().empty() || !kernel.has("nf_flow_offload_ip_hook")) return nullptr;
  const LibraryLog log;
  Flowtable skeleton(ctflow_flowtable__open());
  if (!skeleton) return nullptr;
  skeleton->rodata->tick_ns = tracing.rodata->tick_ns;
  skeleton->bss->clock_state = tracing.bss->clock_state;
  const auto& ours = skeleton->maps;
  const auto& theirs = tracing.maps;
  for (const auto& [mine, shared] :
       {std::pair{ours.connections, theirs.connections}, std::pair{ours.watched, theirs.watched},
        std::pair{ours.records, theirs.records}, std::pair{ours.losses, theirs.losses}})
    bpf_map__reuse_fd(mine, bpf_map__fd(shared));
  Links added;
  const auto& programs = skeleton->progs;
  if (ctflow_flowtable__load(skeleton.get()) != 0 || !attach(programs.offload_ip, added) ||
      !attach(programs.offload_ipv6, added) || !attach(programs.offload_refresh, added)) {
    refused = true;
    log::warn(
        "flowtable_not_measured error={} impact=\"packets that a flowtable forwards are missing\" "
        "fix=\"see the error; with counter in the flowtable conntrack counts them\"",
        log::quoted(cause(errno, log, kernel)));
    return nullptr;
  }
  for (auto& link : added) links.push_back(std::move(link));
  return skeleton;
}

}  // namespace

struct TracingPrograms::Loaded {
  Tracing tracing;
  Flowtable flowtable;
  bool flowtable_refused = false;
  std::optional<std::uint64_t> unwatched;  ///< its losses can still be read
  Links links;
  Ring ring;

  // Of the call of consume() that runs now.
  const Take* take = nullptr;
  std::size_t left = 0;

  static int record(void* self, void* data, std::size_t size) {
    auto& loaded = *static_cast<Loaded*>(self);
    if (size < sizeof(ctflow_record)) return 0;
    (*loaded.take)(*static_cast<const ctflow_record*>(data));
    // An error ends the reading, behind this record.
    return --loaded.left == 0 ? -ECANCELED : 0;
  }

  /// What the program returns, or nothing if it did not run.
  std::optional<std::uint32_t> run(ctflow_sweep what, std::uint64_t netns = 0,
                                   std::uint64_t before = 0) const {
    std::array<std::uint64_t, 3> arguments{what, netns, before};
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.ctx_in = arguments.data();
    options.ctx_size_in = sizeof arguments;
    if (bpf_prog_test_run_opts(bpf_program__fd(tracing->progs.sweep), &options) != 0)
      return std::nullopt;
    return options.retval;
  }

  std::string load(const MeasuringSizes& sizes, const KernelFunctions& kernel, bool direct);
  bool set_clock() const;
  /// False: the ring had no room for all.
  bool sweep() const;
  /// Measures packets of flowtables from now on, unless that was tried and failed.
  void look_for_flowtable() {
    if (!flowtable && !flowtable_refused) {
      flowtable = load_flowtable(*tracing, links, flowtable_refused);
    }
  }
};

std::string TracingPrograms::Loaded::load(const MeasuringSizes& sizes,
                                          const KernelFunctions& kernel, bool direct) {
  const LibraryLog log;
  tracing.reset(ctflow_tracing__open());
  if (!tracing) return cause(errno, log, kernel);
  tracing->rodata->tick_ns = timer_tick();
  choose_programs(*tracing, kernel, direct);
  bpf_map__set_max_entries(tracing->maps.connections, sizes.connections);
  bpf_map__set_max_entries(tracing->maps.records, sizes.ring_octets);
  bpf_map__set_max_entries(tracing->maps.cpu_states, processors());
  if (const int error = ctflow_tracing__load(tracing.get()); error != 0)
    return cause(-error, log, kernel);
  if (!set_clock()) return "cannot run a program to read the clock";
  ring.reset(ring_buffer__new(bpf_map__fd(tracing->maps.records), record, this, nullptr));
  if (!ring) return cause(errno, log, kernel);
  if (!attach(*tracing, links)) return cause(errno, log, kernel);
  return {};
}

/// The smallest of some distances within a few ticks is the right one.
bool TracingPrograms::Loaded::set_clock() const {
  const auto pause = std::chrono::nanoseconds(tracing->rodata->tick_ns / 16);
  for (int i = 0; i < 48; ++i) {
    if (!run(CTFLOW_SWEEP_CLOCK)) return false;
    std::this_thread::sleep_for(pause);
  }
  return true;
}

bool TracingPrograms::Loaded::sweep() const {
  const bool done = run(CTFLOW_SWEEP_DUE).value_or(0) == 0;
  // The clock of the programs was set by this run.
  if (flowtable) flowtable->bss->clock_state.offset = tracing->bss->clock_state.offset;
  return done;
}

TracingPrograms::TracingPrograms(const MeasuringSizes& sizes) : sizes_(sizes) {
  if (sizes_.connections == 0) sizes_.connections = static_cast<std::uint32_t>(table_limit());
  if (sizes_.connections == 0) sizes_.connections = kDefaultConnections;
}

TracingPrograms::~TracingPrograms() = default;

std::string TracingPrograms::load() {
  if (loaded_) return {};
  const KernelFunctions kernel("nf_conntrack", "nf_conntrack_in");
  if (!kernel.obstacle().empty()) return kernel.obstacle();
  std::string obstacle;
  for (const bool direct : {true, false}) {
    if (direct && !kernel.has("bpf_rdonly_cast")) continue;
    auto loaded = std::make_unique<Loaded>();
    obstacle = loaded->load(sizes_, kernel, direct);
    if (!obstacle.empty()) continue;
    loaded_ = std::move(loaded);
    loaded_->look_for_flowtable();
    return {};
  }
  return obstacle;
}

std::string TracingPrograms::watch(std::uint64_t netns, const Watch& what) {
  const ctflow_losses none{};
  const ctflow_watch watch{.interval = static_cast<std::uint64_t>(what.interval.count()),
                           .created = what.created,
                           .pad = 0};
  const auto& maps = loaded_->tracing->maps;
  const int losses = bpf_map__fd(maps.losses);
  if (loaded_->unwatched == netns) loaded_->unwatched.reset();
  if (bpf_map_update_elem(losses, &netns, &none, BPF_NOEXIST) != 0 && errno != EEXIST)
    return text::errno_text();
  if (bpf_map_update_elem(bpf_map__fd(maps.watched), &netns, &watch, BPF_ANY) != 0)
    return text::errno_text();
  return {};
}

void TracingPrograms::unwatch(std::uint64_t netns) {
  const auto& maps = loaded_->tracing->maps;
  bpf_map_delete_elem(bpf_map__fd(maps.watched), &netns);
  // What was lost of this one is read once more. It goes when the next one does.
  const std::optional<std::uint64_t> before = std::exchange(loaded_->unwatched, netns);
  if (before && *before != netns) bpf_map_delete_elem(bpf_map__fd(maps.losses), &*before);
}

int TracingPrograms::descriptor() const { return ring_buffer__epoll_fd(loaded_->ring.get()); }

std::size_t TracingPrograms::consume(const Take& take, std::size_t limit) {
  if (limit == 0) return 0;
  loaded_->take = &take;
  loaded_->left = limit;
  ring_buffer__consume(loaded_->ring.get());
  return limit - loaded_->left;
}

std::future<bool> TracingPrograms::sweep() {
  // Reading all types of the kernel and failing is too much for each sweep.
  if (::access("/sys/kernel/btf/nf_flow_table", F_OK) == 0) loaded_->look_for_flowtable();
  return run_beside("sweep", [this] { return loaded_->sweep(); });
}

bool TracingPrograms::report_all(std::uint64_t netns, std::uint64_t before) {
  constexpr std::uint32_t kNotRun = 1;  // as good as no room: none of them was sent
  return loaded_->run(CTFLOW_SWEEP_ALL, netns, before).value_or(kNotRun) == 0;
}

RecordLosses TracingPrograms::losses(std::uint64_t netns) const {
  ctflow_losses losses{};
  bpf_map_lookup_elem(bpf_map__fd(loaded_->tracing->maps.losses), &netns, &losses);
  RecordLosses result{};
  std::copy(std::begin(losses.count), std::end(losses.count), result.begin());
  return result;
}

bool TracingPrograms::sees_flowtables() const { return loaded_ && loaded_->flowtable; }

MissedRuns TracingPrograms::missed_runs() const {
  const auto& programs = loaded_->tracing->progs;
  MissedRuns missed;
  // What was skipped, less what another program then did. In this order too few may be read, which
  // the next reading makes good, but not too many.
  const auto rest = [](std::uint64_t skipped, const __u64& late) {
    return skipped > late ? skipped - late : 0;
  };
  const auto& late = *loaded_->tracing->bss;
  missed.packets =
      rest(misses(programs.tracked_direct) + misses(programs.tracked_probe), late.late_packets);
  if (loaded_->flowtable) missed.packets += misses(loaded_->flowtable->progs.offload_refresh);
  missed.ends = rest(misses(programs.removed), late.late_ends);
  missed.beginnings = misses(programs.confirmed);
  return missed;
}

void TracingPrograms::dump(const TakeMeasured& take) const {
  const int map = bpf_map__fd(loaded_->tracing->maps.connections);
  std::uint64_t key = 0;
  ctflow_connection connection{};
  for (int error = bpf_map_get_next_key(map, nullptr, &key); error == 0;
       error = bpf_map_get_next_key(map, &key, &key))
    if (bpf_map_lookup_elem(map, &key, &connection) == 0)
      take(key, connection.netns, connection.measured);
}

std::unique_ptr<MeasuringPrograms> make_measuring_programs(const MeasuringSizes& sizes) {
  return std::make_unique<TracingPrograms>(sizes);
}

}  // namespace ctflow
