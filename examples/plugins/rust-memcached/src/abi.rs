//! <squall/abi.h> by hand, as much of it as this plugin uses. The numbers come from the header itself, and every struct
//! is held to it when this file is compiled: a field in the wrong place is an error here, not a crash in a run.
use std::ffi::c_void;
use std::mem::{align_of, size_of};
use std::os::raw::c_char;

/// What abi_layout.c prints: versions, enumerators, and for each struct its size and the offsets of its fields.
#[allow(non_upper_case_globals, dead_code)]
mod header {
    include!(env!("SQUALL_ABI_HEADER"));
}
pub use header::*;

#[allow(dead_code)] // rustc 1.63 does not see that the constants below use it
const fn round_up(offset: usize, align: usize) -> usize {
    (offset + align - 1) / align * align
}

/// A struct of the header, or its beginning: what is appended later lies behind what is known here. repr(C) lays
/// fields out as this counts.
macro_rules! abi_struct {
    ($name:ident = $c_name:ident { $($field:ident: $type:ty,)* }) => {
        #[repr(C)]
        #[derive(Clone, Copy)]
        pub struct $name {
            $(pub $field: $type,)*
        }
        const _: () = {
            let end = 0;
            $(
                let offset = round_up(end, align_of::<$type>());
                assert!(offset == header::$c_name::$field, "a field of abi.rs is not where abi.h has it");
                let end = offset + size_of::<$type>();
            )*
            assert!(end <= header::$c_name::SIZE && size_of::<$name>() <= header::$c_name::SIZE);
        };
    };
}

// Opaque: the host's.
pub enum Shard {}
pub enum Target {}
pub enum Stream {}
pub enum Done {}
/// Of a table: a function that this plugin does not call.
pub type Unused = *const c_void;
pub type Status = i32;

abi_struct!(Str = sq_str {
    ptr: *const u8,
    len: u64,
});
abi_struct!(Buf = sq_buf {
    ptr: *const u8,
    len: u64,
});
#[repr(C)]
#[derive(Clone, Copy)]
pub union Payload {
    pub i64: i64,
    pub str: Str,
    pub target: *const Target,
}
abi_struct!(Value = sq_value {
    r#type: u32,
    reserved: u32,
    u: Payload,
});
abi_struct!(Error = sq_error {
    code: i32,
    sys_errno: i32,
    text: [c_char; 248],
});
abi_struct!(Binding = sq_binding {
    param: u32,
    slot: i32,
    value: Value,
});
// These four stand in arrays and stacks of both sides: no more and no less.
const _: () = assert!(
    size_of::<Str>() == sq_str::SIZE
        && size_of::<Value>() == sq_value::SIZE
        && size_of::<Error>() == sq_error::SIZE
        && size_of::<Binding>() == sq_binding::SIZE
);

abi_struct!(Host = sq_host {
    struct_size: u32,
    abi_major: u16,
    abi_minor: u16,
    name: *const c_char,
    version: *const c_char,
    get_extension: unsafe extern "C" fn(*const Host, *const c_char, u32) -> *const c_void,
});
abi_struct!(Plugin = sq_plugin {
    struct_size: u32,
    abi_major: u16,
    abi_minor: u16,
    id: *const c_char,
    version: *const c_char,
    description: *const c_char,
    license: *const c_char,
    build_info: *const c_char,
    flags: u64,
    init: unsafe extern "C" fn(*const Host, *mut Error) -> Status,
    fini: unsafe extern "C" fn(),
    get_interface: unsafe extern "C" fn(*const c_char) -> *const c_void,
});
abi_struct!(Param = sq_param {
    struct_size: u32,
    r#type: u32,
    flags: u32,
    unit: u32,
    name: *const c_char,
    doc: *const c_char,
    default_json: *const c_char,
    choices: *const *const c_char,
});
abi_struct!(Op = sq_op {
    struct_size: u32,
    flags: u32,
    name: *const c_char,
    doc: *const c_char,
    params: *const *const Param,
    outputs: *const *const Param,
    cancel_limit_ns: u64,
    code_output: *const c_char,
    code_min: i32,
    code_max: i32,
});
abi_struct!(Wants = sq_wants {
    struct_size: u32,
    flags: u32,
    outputs: u64,
    keep_bytes: u64,
});
abi_struct!(Call = sq_call {
    struct_size: u32,
    outcome: u32,
    kind: u32,
    code: i32,
    bytes_out: u64,
    bytes_in: u64,
    first_byte_ns: u64,
    end_ns: u64,
    detail: Str,
    due_ns: u64,
    start_ns: u64,
    deadline_ns: u64,
    shard: *mut Shard,
    plugin_data: *mut c_void,
    owner_data: *mut c_void,
    phase_ns: [u64; 16],
});
abi_struct!(Protocol = sq_protocol {
    struct_size: u32,
    flags: u32,
    name: *const c_char,
    options: *const *const Param,
    ops: *const *const Op,
    open: unsafe extern "C" fn(*const c_void, u64, *mut *mut c_void, *mut Error) -> Status,
    close: unsafe extern "C" fn(*mut c_void),
    prepare: unsafe extern "C" fn(
        *mut c_void, u32, *const Binding, u32, *const Wants, *mut *mut c_void, *mut Error,
    ) -> Status,
    unprepare: unsafe extern "C" fn(*mut c_void),
    shard_open: unsafe extern "C" fn(*mut c_void, *mut Shard, *mut *mut c_void, *mut Error) -> Status,
    shard_close: unsafe extern "C" fn(*mut c_void, *mut Done),
    session_open: unsafe extern "C" fn(*mut c_void, u64, *mut *mut c_void, *mut Error) -> Status,
    session_close: unsafe extern "C" fn(*mut c_void),
    start: unsafe extern "C" fn(*mut c_void, *const c_void, *const Value, u32, *mut Call),
    cancel: unsafe extern "C" fn(*mut c_void, *mut Call),
    output: unsafe extern "C" fn(*mut c_void, *const Call, u32, Str, *mut Value) -> Status,
    release: unsafe extern "C" fn(*mut c_void, *mut Call),
});
// The host refuses a shorter one.
const _: () = assert!(size_of::<Protocol>() == sq_protocol::SIZE);

abi_struct!(CallsApi = sq_calls_api {
    struct_size: u32,
    flags: u32,
    complete: unsafe extern "C" fn(*mut Call),
});
abi_struct!(LoopApi = sq_loop_api {
    struct_size: u32,
    flags: u32,
    done: unsafe extern "C" fn(*mut Done, Status, Str),
    written: Unused,
    now_ns: unsafe extern "C" fn(*mut Shard) -> u64,
    recent_ns: unsafe extern "C" fn(*mut Shard) -> u64,
});
abi_struct!(ConnectOpts = sq_connect_opts {
    struct_size: u32,
    flags: u32,
    connect_timeout_ns: u64,
    session: u64,
    alpn: Str,
});
abi_struct!(StreamInfo = sq_stream_info {
    struct_size: u32,
    flags: u32,
    resolve_ns: u64,
    connect_ns: u64,
    tls_ns: u64,
});
abi_struct!(StreamEvents = sq_stream_events {
    struct_size: u32,
    flags: u32,
    on_open: unsafe extern "C" fn(*mut c_void, *mut Stream, *const StreamInfo),
    on_data: unsafe extern "C" fn(*mut c_void, *mut Stream, *const u8, u64) -> u64,
    on_written: unsafe extern "C" fn(*mut c_void, *mut Stream, *mut c_void),
    on_closed: unsafe extern "C" fn(*mut c_void, *mut Stream, Status, u32, Str),
});
abi_struct!(StreamApi = sq_stream_api {
    struct_size: u32,
    flags: u32,
    connect: unsafe extern "C" fn(
        *mut Shard, *const Target, *const ConnectOpts, *const StreamEvents, *mut c_void, *mut *mut Stream,
    ) -> Status,
    write: unsafe extern "C" fn(*mut Stream, *const Buf, u32, *mut c_void) -> Status,
    read_enable: Unused,
    shutdown: Unused,
    close: unsafe extern "C" fn(*mut Stream),
});
abi_struct!(TargetApi = sq_target_api {
    struct_size: u32,
    flags: u32,
    info: Unused,
    r#match: Unused,
    resolve: Unused,
    tls: Unused,
    local_address: Unused,
    note: unsafe extern "C" fn(*mut Shard, *const Target, u32),
});

impl Str {
    pub const EMPTY: Str = Str { ptr: std::ptr::null(), len: 0 };

    pub fn of(text: &[u8]) -> Str {
        Str { ptr: text.as_ptr(), len: text.len() as u64 }
    }
    /// # Safety
    /// The view is valid as long as its giver says, which the lifetime does not know.
    pub unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.ptr.is_null() {
            return &[];
        }
        std::slice::from_raw_parts(self.ptr, self.len as usize)
    }
}

impl Value {
    pub const NULL: Value = Value { r#type: SQ_T_NULL, reserved: 0, u: Payload { i64: 0 } };

    pub fn bool(truth: bool) -> Value {
        Value { r#type: SQ_T_BOOL, reserved: 0, u: Payload { i64: truth as i64 } }
    }
    pub fn int(number: i64) -> Value {
        Value { r#type: SQ_T_I64, reserved: 0, u: Payload { i64: number } }
    }
    pub fn bytes_of(bytes: &[u8]) -> Value {
        Value { r#type: SQ_T_BYTES, reserved: 0, u: Payload { str: Str::of(bytes) } }
    }
    /// A number, a truth or a duration in ns.
    pub fn as_int(&self) -> Option<i64> {
        let is_whole = [SQ_T_I64, SQ_T_BOOL, SQ_T_DURATION].contains(&self.r#type);
        is_whole.then(|| unsafe { self.u.i64 })
    }
    /// # Safety
    /// As of `Str::bytes`.
    pub unsafe fn as_bytes<'a>(&self) -> Option<&'a [u8]> {
        let is_text = self.r#type == SQ_T_STR || self.r#type == SQ_T_BYTES;
        is_text.then(|| self.u.str.bytes())
    }
    pub fn as_target(&self) -> Option<*const Target> {
        (self.r#type == SQ_T_TARGET).then(|| unsafe { self.u.target })
    }
}
