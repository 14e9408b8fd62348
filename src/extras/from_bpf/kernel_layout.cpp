// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/from_bpf/kernel_layout.hpp"

#include <bpf/btf.h>

#include <initializer_list>
#include <memory>
#include <string_view>

namespace ctflow {
namespace {

struct Freed {
  void operator()(btf* types) const { btf__free(types); }
};
using Types = std::unique_ptr<btf, Freed>;

const btf_type* resolve(const btf* types, std::uint32_t id) {
  return btf__type_by_id(types, static_cast<std::uint32_t>(btf__resolve_type(types, id)));
}

const btf_type* find_struct(const btf* types, const char* name) {
  const int id = btf__find_by_name_kind(types, name, BTF_KIND_STRUCT);
  return id < 0 ? nullptr : btf__type_by_id(types, static_cast<std::uint32_t>(id));
}

/// A member, also one of anonymous members; adds its offset in octets.
const btf_type* find_member(const btf* types, const btf_type* type, std::string_view name,
                            std::uint32_t& offset) {
  if (type == nullptr || !btf_is_composite(type)) return nullptr;
  const btf_member* members = btf_members(type);
  for (std::uint16_t i = 0; i < btf_vlen(type); ++i) {
    const std::uint32_t at = btf_member_bit_offset(type, i) / 8;
    const std::string_view found = btf__name_by_offset(types, members[i].name_off);
    const btf_type* inner = resolve(types, members[i].type);
    if (found == name) {
      offset += at;
      return inner;
    }
    if (!found.empty()) continue;
    std::uint32_t within = 0;
    if (const btf_type* deeper = find_member(types, inner, name, within)) {
      offset += at + within;
      return deeper;
    }
  }
  return nullptr;
}

/// Looks members up and remembers whether one was missing.
class Finder {
 public:
  explicit Finder(const btf* types) : types_(types) {}

  std::uint32_t offset(const btf_type* type, std::initializer_list<const char*> path) {
    std::uint32_t result = 0;
    for (const char* name : path) type = find_member(types_, type, name, result);
    complete_ = complete_ && type != nullptr;
    return result;
  }

  [[nodiscard]] bool has(const btf_type* type, const char* name) const {
    std::uint32_t ignored = 0;
    return find_member(types_, type, name, ignored) != nullptr;
  }

  [[nodiscard]] bool complete() const { return complete_; }

 private:
  const btf* types_;
  bool complete_ = true;
};

std::optional<std::uint32_t> value_of(const btf* types, const char* name, std::string_view value) {
  const int id = btf__find_by_name_kind(types, name, BTF_KIND_ENUM);
  if (id < 0) return std::nullopt;
  const btf_type* type = btf__type_by_id(types, static_cast<std::uint32_t>(id));
  for (std::uint16_t i = 0; i < btf_vlen(type); ++i) {
    const struct btf_enum& one = btf_enum(type)[i];
    if (btf__name_by_offset(types, one.name_off) == value) {
      return static_cast<std::uint32_t>(one.val);
    }
  }
  return std::nullopt;
}

std::optional<ctflow_nf_layout> read_layout(const btf* types) {
  const btf_type* connection = find_struct(types, "nf_conn");
  const btf_type* hash = find_struct(types, "nf_conntrack_tuple_hash");
  const btf_type* tuple = find_struct(types, "nf_conntrack_tuple");
  const auto accounting = value_of(types, "nf_ct_ext_id", "NF_CT_EXT_ACCT");
  if (connection == nullptr || hash == nullptr || tuple == nullptr || !accounting) {
    return std::nullopt;
  }
  Finder find(types);
  ctflow_nf_layout layout{};
  std::uint32_t ignored = 0;
  layout.use = find.offset(connection, {"ct_general", "use"});
  layout.status = find.offset(connection, {"status"});
  layout.has_net = find.has(find_member(types, connection, "ct_net", ignored), "net") ? 1 : 0;
  if (layout.has_net != 0) layout.net = find.offset(connection, {"ct_net", "net"});
  layout.has_zones = find.has(connection, "zone") ? 1 : 0;
  if (layout.has_zones != 0) {
    layout.zone_id = find.offset(connection, {"zone", "id"});
    layout.zone_direction = find.offset(connection, {"zone", "dir"});
  }
  layout.original = find.offset(connection, {"tuplehash"}) + find.offset(hash, {"tuple"});
  layout.reply = layout.original + hash->size;
  layout.extensions = find.offset(connection, {"ext"});
  layout.accounting = find.offset(find_struct(types, "nf_ct_ext"), {"offset"}) + *accounting;
  layout.source_port = find.offset(tuple, {"src", "u"});
  layout.family = find.offset(tuple, {"src", "l3num"});
  layout.destination = find.offset(tuple, {"dst", "u3"});
  layout.destination_port = find.offset(tuple, {"dst", "u"});
  layout.protocol = find.offset(tuple, {"dst", "protonum"});
  if (!find.complete()) return std::nullopt;
  return layout;
}

}  // namespace

std::optional<ctflow_nf_layout> find_kernel_layout() {
  const Types kernel(btf__load_vmlinux_btf());
  if (!kernel) return std::nullopt;
  if (const auto layout = read_layout(kernel.get())) return layout;
  const Types module(btf__load_module_btf("nf_conntrack", kernel.get()));
  if (!module) return std::nullopt;
  return read_layout(module.get());
}

}  // namespace ctflow
