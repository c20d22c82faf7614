/* Prints what src/abi.rs is held to when it is compiled: what abi.h says at this moment. */
#include <squall/abi.h>
#include <stdio.h>

#define NUMBER(type, name) printf("pub const %s: %s = %lld;\n", #name, #type, (long long)name)
#define STRUCT(name) printf("pub mod %s { pub const SIZE: usize = %zu;\n", #name, sizeof(name))
#define FIELD(name, field) printf("  pub const r#%s: usize = %zu;\n", #field, offsetof(name, field))
#define END puts("}")

int main(void) {
  NUMBER(u16, SQ_ABI_MAJOR); NUMBER(u16, SQ_TARGET_MINOR);
  NUMBER(u32, SQ_T_NULL); NUMBER(u32, SQ_T_BOOL); NUMBER(u32, SQ_T_I64); NUMBER(u32, SQ_T_STR); NUMBER(u32, SQ_T_BYTES);
  NUMBER(u32, SQ_T_DURATION); NUMBER(u32, SQ_T_TARGET);
  NUMBER(i32, SQ_OK); NUMBER(i32, SQ_DONE); NUMBER(i32, SQ_E_INVALID); NUMBER(i32, SQ_E_UNSUPPORTED); NUMBER(i32, SQ_E_INTERNAL);
  NUMBER(u32, SQ_P_REQUIRED); NUMBER(u32, SQ_U_NONE); NUMBER(u32, SQ_U_BYTES); NUMBER(u32, SQ_PARAM_TO);
  NUMBER(u32, SQ_OUT_OK); NUMBER(u32, SQ_OUT_FAILED); NUMBER(u32, SQ_OUT_TIMEOUT); NUMBER(u32, SQ_OUT_CANCELLED);
  NUMBER(u32, SQ_K_NONE); NUMBER(u32, SQ_K_CONNECT); NUMBER(u32, SQ_K_SEND); NUMBER(u32, SQ_K_CLOSED);
  NUMBER(u32, SQ_K_PROTOCOL); NUMBER(u32, SQ_K_STATUS); NUMBER(u32, SQ_K_PLUGIN);
  NUMBER(usize, SQ_PH_RESOLVE); NUMBER(usize, SQ_PH_CONNECT); NUMBER(usize, SQ_PH_TLS); NUMBER(usize, SQ_PH_FIRST_BYTE);
  NUMBER(u32, SQ_S_NODELAY); NUMBER(u32, SQ_S_DIRECT); NUMBER(u32, SQ_CN_REUSED);

  STRUCT(sq_str); FIELD(sq_str, ptr); FIELD(sq_str, len); END;
  STRUCT(sq_buf); FIELD(sq_buf, ptr); FIELD(sq_buf, len); END;
  STRUCT(sq_value); FIELD(sq_value, type); FIELD(sq_value, reserved); FIELD(sq_value, u); END;
  STRUCT(sq_error); FIELD(sq_error, code); FIELD(sq_error, sys_errno); FIELD(sq_error, text); END;
  STRUCT(sq_host); FIELD(sq_host, struct_size); FIELD(sq_host, abi_major); FIELD(sq_host, abi_minor); FIELD(sq_host, name);
  FIELD(sq_host, version); FIELD(sq_host, get_extension); END;
  STRUCT(sq_plugin); FIELD(sq_plugin, struct_size); FIELD(sq_plugin, abi_major); FIELD(sq_plugin, abi_minor);
  FIELD(sq_plugin, id); FIELD(sq_plugin, version); FIELD(sq_plugin, description); FIELD(sq_plugin, license);
  FIELD(sq_plugin, build_info); FIELD(sq_plugin, flags); FIELD(sq_plugin, init); FIELD(sq_plugin, fini);
  FIELD(sq_plugin, get_interface); END;
  STRUCT(sq_param); FIELD(sq_param, struct_size); FIELD(sq_param, type); FIELD(sq_param, flags); FIELD(sq_param, unit);
  FIELD(sq_param, name); FIELD(sq_param, doc); FIELD(sq_param, default_json); FIELD(sq_param, choices); END;
  STRUCT(sq_op); FIELD(sq_op, struct_size); FIELD(sq_op, flags); FIELD(sq_op, name); FIELD(sq_op, doc); FIELD(sq_op, params);
  FIELD(sq_op, outputs); FIELD(sq_op, cancel_limit_ns); FIELD(sq_op, code_output); FIELD(sq_op, code_min);
  FIELD(sq_op, code_max); END;
  STRUCT(sq_wants); FIELD(sq_wants, struct_size); FIELD(sq_wants, flags); FIELD(sq_wants, outputs);
  FIELD(sq_wants, keep_bytes); END;
  STRUCT(sq_binding); FIELD(sq_binding, param); FIELD(sq_binding, slot); FIELD(sq_binding, value); END;
  STRUCT(sq_call); FIELD(sq_call, struct_size); FIELD(sq_call, outcome); FIELD(sq_call, kind); FIELD(sq_call, code);
  FIELD(sq_call, bytes_out); FIELD(sq_call, bytes_in); FIELD(sq_call, first_byte_ns); FIELD(sq_call, end_ns);
  FIELD(sq_call, detail); FIELD(sq_call, due_ns); FIELD(sq_call, start_ns); FIELD(sq_call, deadline_ns); FIELD(sq_call, shard);
  FIELD(sq_call, plugin_data); FIELD(sq_call, owner_data); FIELD(sq_call, phase_ns); END;
  STRUCT(sq_protocol); FIELD(sq_protocol, struct_size); FIELD(sq_protocol, flags); FIELD(sq_protocol, name);
  FIELD(sq_protocol, options); FIELD(sq_protocol, ops); FIELD(sq_protocol, open); FIELD(sq_protocol, close);
  FIELD(sq_protocol, prepare); FIELD(sq_protocol, unprepare); FIELD(sq_protocol, shard_open);
  FIELD(sq_protocol, shard_close); FIELD(sq_protocol, session_open); FIELD(sq_protocol, session_close);
  FIELD(sq_protocol, start); FIELD(sq_protocol, cancel); FIELD(sq_protocol, output); FIELD(sq_protocol, release); END;
  STRUCT(sq_calls_api); FIELD(sq_calls_api, struct_size); FIELD(sq_calls_api, flags); FIELD(sq_calls_api, complete); END;
  STRUCT(sq_loop_api); FIELD(sq_loop_api, struct_size); FIELD(sq_loop_api, flags); FIELD(sq_loop_api, done);
  FIELD(sq_loop_api, written); FIELD(sq_loop_api, now_ns); FIELD(sq_loop_api, recent_ns); END;
  STRUCT(sq_connect_opts); FIELD(sq_connect_opts, struct_size); FIELD(sq_connect_opts, flags);
  FIELD(sq_connect_opts, connect_timeout_ns); FIELD(sq_connect_opts, session); FIELD(sq_connect_opts, alpn); END;
  STRUCT(sq_stream_info); FIELD(sq_stream_info, struct_size); FIELD(sq_stream_info, flags);
  FIELD(sq_stream_info, resolve_ns); FIELD(sq_stream_info, connect_ns); FIELD(sq_stream_info, tls_ns); END;
  STRUCT(sq_stream_events); FIELD(sq_stream_events, struct_size); FIELD(sq_stream_events, flags);
  FIELD(sq_stream_events, on_open); FIELD(sq_stream_events, on_data); FIELD(sq_stream_events, on_written);
  FIELD(sq_stream_events, on_closed); END;
  STRUCT(sq_stream_api); FIELD(sq_stream_api, struct_size); FIELD(sq_stream_api, flags); FIELD(sq_stream_api, connect);
  FIELD(sq_stream_api, write); FIELD(sq_stream_api, read_enable); FIELD(sq_stream_api, shutdown);
  FIELD(sq_stream_api, close); END;
  STRUCT(sq_target_api); FIELD(sq_target_api, struct_size); FIELD(sq_target_api, flags); FIELD(sq_target_api, info);
  FIELD(sq_target_api, match); FIELD(sq_target_api, resolve); FIELD(sq_target_api, tls);
  FIELD(sq_target_api, local_address); FIELD(sq_target_api, note); END;
  return 0;
}
