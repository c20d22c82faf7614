// A protocol plugin in the hands of a test: loaded, prepared, its sessions and calls. Included by fake_host.hpp alone;
// it is apart so that the other file reads as the interface.
#pragma once

namespace squall::fake {

inline uint64_t Call::phases() const {
  uint64_t sum = 0;
  for (uint64_t phase : phase_ns) sum += phase;
  return sum;
}
inline sq_status Call::output(std::string_view name, std::string_view key, sq_value* out) {
  return protocol->table->output(session, this, protocol->output_index(op, name), str(key), out);
}
inline std::string Call::text(std::string_view name, std::string_view key) {
  sq_value value{};
  if (output(name, key, &value) != SQ_OK) return {};
  std::string result;
  plugin::append_text(result, value);
  return result;
}
inline int64_t Call::number(std::string_view name, std::string_view key) {
  sq_value value{};
  return output(name, key, &value) == SQ_OK ? plugin::as_int(value) : INT64_MIN;
}

inline std::string Call::ending() const {
  static constexpr std::string_view kKinds[] = {
      "none",   "resolve", "connect", "tls",   "send",   "receive",        "closed",
      "protocol", "status", "check",   "limit", "plugin", "local_resource", "off_list"};
  if (!completed) return "running";
  if (outcome == SQ_OUT_OK) return "ok";
  if (outcome != SQ_OUT_FAILED) return outcome == SQ_OUT_TIMEOUT ? "timeout" : "cancelled";
  std::string text = "failed: " + std::string(kKinds[std::min<size_t>(kind, std::size(kKinds) - 1)]);
  return detail.len ? text + ", " + std::string(detail_text()) : text;
}

inline uint32_t Bindings::index(std::string_view name) const {
  for (uint32_t i = 0; op_.params[i]; ++i)
    if (name == op_.params[i]->name) return i;
  check(false, std::string(op_.name) + " has no parameter " + std::string(name));
  return 0;
}
inline Bindings& Bindings::map(std::string_view name,
                               const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::vector<sq_pair> items;
  for (const auto& [key, text] : pairs)
    items.push_back({str(key), plugin::text_value(text)});
  sq_value value = plugin::make_value(SQ_T_MAP);
  value.u.map.ptr = items.data();
  value.u.map.len = items.size();
  return set(name, value);
}
inline Bindings& Bindings::list(std::string_view name, const std::vector<sq_value>& items) {
  sq_value value = plugin::make_value(SQ_T_LIST);
  value.u.list.ptr = items.data();
  value.u.list.len = items.size();
  return set(name, value);
}

inline const sq_plugin* Protocol::load(const std::string& plugin) {
  static std::map<std::string, const sq_plugin*> loaded;
  if (const auto known = loaded.find(plugin); known != loaded.end()) return known->second;
  const bool is_path = plugin.find('/') != plugin.npos;
  const std::string path = is_path ? plugin : std::string(SQUALL_PLUGIN_DIR) + "/lib" + plugin + ".so";
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);  // never unloaded (R7)
  if (!library) throw std::runtime_error(::dlerror());
  const auto entry = reinterpret_cast<sq_plugin_entry_fn>(::dlsym(library, SQ_ENTRY_SYMBOL));
  if (!entry) throw std::runtime_error(path + " has no " SQ_ENTRY_SYMBOL);
  const sq_plugin* root = entry();
  sq_error error{};
  check(root->init(&Host::root(), &error) == SQ_OK, error.text);
  return loaded[plugin] = root;
}
inline Protocol::Protocol(Host& owner, const std::string& plugin, const Options& options)
    : host(owner) {
  table = static_cast<const sq_protocol*>(load(plugin)->get_interface(SQ_PROTOCOL_V1));
  sq_error error{};
  {
    lent::Memory memory;
    std::vector<sq_pair> pairs;
    for (const auto& [key, value] : options) pairs.push_back({str(key), value});
    check(table->open(memory.copy_all(pairs.data(), pairs.size()), pairs.size(), &instance, &error) == SQ_OK, error.text);
  }
  if (table->shard_open(instance, &host.shard, &shard, &error) == SQ_OK) return;
  const std::string text = std::string("shard_open failed: ") + (error.text[0] ? error.text : "without a reason");
  check(false, text);
  throw std::runtime_error(text);
}
inline Protocol::~Protocol() {
  sq_done done;
  table->shard_close(shard, &done);
  host.run();
  for (int i = 0; i < 1000 && !done.ended; ++i) {   // 10 s, as the real host gives
    host.poll_once(1);
    host.advance(10'000'000);
  }
  check(done.ended, "shard_close was not done within 10 s");
  for (void* handle : prepared_) table->unprepare(handle);
  table->close(instance);
}
inline uint32_t Protocol::op_index(std::string_view name) const {
  for (uint32_t i = 0; table->ops[i]; ++i)
    if (name == table->ops[i]->name) return i;
  check(false, "no operation " + std::string(name));
  return 0;
}
inline uint32_t Protocol::output_index(uint32_t op, std::string_view name) const {
  for (uint32_t i = 0; table->ops[op]->outputs[i]; ++i)
    if (name == table->ops[op]->outputs[i]->name) return i;
  check(false, "no output " + std::string(name));
  return 0;
}
inline Prepared Protocol::prepare(std::string_view op, const Bindings& bindings, uint64_t outputs,
                                  uint64_t keep_bytes) {
  Prepared prepared;
  prepared.op = op_index(op);
  const sq_wants wants{sizeof wants, 0, outputs, keep_bytes};
  sq_error error{};
  lent::Memory memory;
  check(table->prepare(instance, prepared.op, memory.copy_all(bindings.view().data(), bindings.view().size()),
                       static_cast<uint32_t>(bindings.view().size()), memory.copy(&wants, 1), &prepared.handle, &error) == SQ_OK,
        error.text);
  adopt(prepared);
  return prepared;
}
inline std::string Protocol::refusal(std::string_view op, const Bindings& bindings) {
  const sq_wants wants{sizeof wants, 0, 0, 0};
  sq_error error{};
  void* handle = nullptr;
  if (table->prepare(instance, op_index(op), bindings.view().data(),
                     static_cast<uint32_t>(bindings.view().size()), &wants, &handle,
                     &error) == SQ_OK) {
    table->unprepare(handle);
    return {};
  }
  return error.text;
}

inline Session::Session(Protocol& owner, uint64_t number) : protocol(owner), id(number) {
  sq_error error{};
  owner.host.sessions.insert(id);
  const bool is_open = owner.table->session_open(owner.shard, id, &handle, &error) == SQ_OK;
  check(is_open, std::string("session_open failed: ") + error.text);
  check(!is_open || handle, "session_open said SQ_OK and gave no session");
}
inline Session::~Session() { close(); }
inline void Session::close() {
  if (!handle) return;
  for (Call& call : calls_) {
    if (!call.completions) cancel(call);
    protocol.host.run();
    for (int i = 0; i < 1000 && !call.completed; ++i) protocol.host.poll_once(1);
    check(call.completed, "a cancelled call never completed");
    release(call);
  }
  lives_.reset();
  protocol.table->session_close(std::exchange(handle, nullptr));
  protocol.host.sessions.erase(protocol.host.sessions.find(id));
  protocol.host.run();
}
inline Call& Session::start(const Prepared& prepared, std::vector<sq_value> args, uint32_t flags,
                            size_t struct_size) {
  Call& call = calls_.emplace_back();
  static_cast<sq_call&>(call) = sq_call{};
  call.struct_size = static_cast<uint32_t>(struct_size);
  call.flags = flags;
  call.due_ns = call.start_ns = protocol.host.now_ns;
  call.shard = &protocol.host.shard;
  call.protocol = &protocol;
  call.session = handle;
  call.op = prepared.op;
  call.args = call.lent.copy_all(args.data(), args.size());
  if (timeout_ns != 0) {
    call.deadline_ns = call.start_ns + timeout_ns;
    protocol.host.later(
        [this, &call, lives = std::weak_ptr(lives_)] {
          if (!lives.expired() && call.completions == 0) cancel(call);
        },
        timeout_ns);
  }
  const Scope plugin_runs(true);
  protocol.table->start(handle, prepared.handle, call.args, static_cast<uint32_t>(args.size()), &call);
  return call;
}
inline void Session::release(Call& call) {
  if (std::exchange(call.released, true)) return;
  const Scope plugin_runs(true);
  protocol.table->release(handle, &call);
}

}  // namespace squall::fake
