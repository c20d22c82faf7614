// A plugin as somebody wrote it for ABI 1.0 in Rust, from abi.h by hand and without a crate. Frozen: it must go on to work as it is.
// golden_rust.sum adds two numbers.
#![crate_type = "cdylib"]
use std::ffi::c_void;
use std::mem::size_of;
use std::os::raw::c_char;
use std::panic::catch_unwind;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};

const ABI_MAJOR: u16 = 1;
const ABI_MINOR: u16 = 0;

#[repr(C)]
#[derive(Clone, Copy)]
struct Str {
    ptr: *const c_char,
    len: u64,
}
#[repr(C)]
#[derive(Clone, Copy)]
union Payload {
    i64: i64,
    str: Str,
}
#[repr(C)]
#[derive(Clone, Copy)]
struct Value {
    kind: u32,
    reserved: u32,
    u: Payload,
}
#[repr(C)]
struct Error {
    code: i32,
    sys_errno: i32,
    text: [c_char; 248],
}
#[repr(C)]
struct Host {
    struct_size: u32,
    abi_major: u16,
    abi_minor: u16,
    name: *const c_char,
    version: *const c_char,
    get_extension: extern "C" fn(*const Host, *const c_char, u32) -> *const c_void,
    log: extern "C" fn(*const Host, u32, Str),
}
#[repr(C)]
struct Plugin {
    struct_size: u32,
    abi_major: u16,
    abi_minor: u16,
    id: *const c_char,
    version: *const c_char,
    description: *const c_char,
    license: *const c_char,
    build_info: *const c_char,
    flags: u64,
    init: extern "C" fn(*const Host, *mut Error) -> i32,
    fini: extern "C" fn(),
    get_interface: extern "C" fn(*const c_char) -> *const c_void,
}
#[repr(C)]
struct Param {
    struct_size: u32,
    kind: u32,
    flags: u32,
    unit: u32,
    name: *const c_char,
    doc: *const c_char,
    default_json: *const c_char,
    choices: *const *const c_char,
}
#[repr(C)]
struct Op {
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
}
#[repr(C)]
struct Binding {
    param: u32,
    slot: i32,
    value: Value,
}
#[repr(C)]
struct Call {
    struct_size: u32,
    outcome: u32,
    kind: u32,
    code: i32,
    bytes_out: u64,
    bytes_in: u64,
}
#[repr(C)]
struct Calls {
    struct_size: u32,
    flags: u32,
    complete: extern "C" fn(*mut Call),
    progress: extern "C" fn(*mut Call, u64, u64),
}
#[repr(C)]
struct Loop {
    struct_size: u32,
    flags: u32,
    done: extern "C" fn(*mut c_void, i32, Str),
}
#[repr(C)]
struct Protocol {
    struct_size: u32,
    flags: u32,
    name: *const c_char,
    options: *const *const Param,
    ops: *const *const Op,
    open: extern "C" fn(*const c_void, u64, *mut *mut c_void, *mut Error) -> i32,
    close: extern "C" fn(*mut c_void),
    prepare: extern "C" fn(*mut c_void, u32, *const Binding, u32, *const c_void, *mut *mut c_void, *mut Error) -> i32,
    unprepare: extern "C" fn(*mut c_void),
    shard_open: extern "C" fn(*mut c_void, *mut c_void, *mut *mut c_void, *mut Error) -> i32,
    shard_close: extern "C" fn(*mut c_void, *mut c_void),
    session_open: extern "C" fn(*mut c_void, u64, *mut *mut c_void, *mut Error) -> i32,
    session_close: extern "C" fn(*mut c_void),
    start: extern "C" fn(*mut c_void, *const c_void, *const Value, u32, *mut Call),
    cancel: extern "C" fn(*mut c_void, *mut Call),
    output: extern "C" fn(*mut c_void, *const Call, u32, Str, *mut Value) -> i32,
    release: extern "C" fn(*mut c_void, *mut Call),
}

/// Tables hold pointers to constants, which may be read by all threads.
struct Shared<T>(T);
unsafe impl<T> Sync for Shared<T> {}

macro_rules! text {
    ($text:literal) => {
        concat!($text, "\0").as_ptr() as *const c_char
    };
}
const I64: u32 = 2;
const REQUIRED: u32 = 1;
const fn number(name: *const c_char, flags: u32) -> Shared<Param> {
    Shared(Param { struct_size: size_of::<Param>() as u32, kind: I64, flags, unit: 0, name, doc: text!("a number"), default_json: null(), choices: null() })
}
static LEFT: Shared<Param> = number(text!("left"), REQUIRED);
static RIGHT: Shared<Param> = number(text!("right"), REQUIRED);
static SUM: Shared<Param> = number(text!("sum"), 0);
static PARAMS: Shared<[*const Param; 3]> = Shared([&LEFT.0, &RIGHT.0, null()]);
static OUTPUTS: Shared<[*const Param; 2]> = Shared([&SUM.0, null()]);
static NONE: Shared<[*const Param; 1]> = Shared([null()]);
static OP: Shared<Op> = Shared(Op {
    struct_size: size_of::<Op>() as u32,
    flags: 0,
    name: text!("sum"),
    doc: text!("left and right"),
    params: &PARAMS.0 as *const _ as *const *const Param,
    outputs: &OUTPUTS.0 as *const _ as *const *const Param,
    cancel_limit_ns: 0,
    code_output: null(),
    code_min: 0,
    code_max: 0,
});
static OPS: Shared<[*const Op; 2]> = Shared([&OP.0, null()]);

static CALLS: AtomicPtr<Calls> = AtomicPtr::new(null_mut());
static LOOP: AtomicPtr<Loop> = AtomicPtr::new(null_mut());

/// One parameter: fixed, or a slot of start().
#[derive(Clone, Copy)]
struct Operand {
    fixed: i64,
    slot: i32,
}
struct Prepared {
    operands: [Operand; 2],
}
struct Session {
    sum: i64,
}

extern "C" fn open(_: *const c_void, _: u64, out: *mut *mut c_void, _: *mut Error) -> i32 {
    unsafe { *out = &OP as *const _ as *mut c_void };
    0
}
extern "C" fn close(_: *mut c_void) {}
extern "C" fn prepare(_: *mut c_void, _: u32, given: *const Binding, n: u32, _: *const c_void, out: *mut *mut c_void, _: *mut Error) -> i32 {
    catch_unwind(|| {
        let mut prepared = Prepared { operands: [Operand { fixed: 0, slot: -1 }; 2] };
        for binding in unsafe { std::slice::from_raw_parts(given, n as usize) } {
            let fixed = if binding.slot < 0 { unsafe { binding.value.u.i64 } } else { 0 };
            prepared.operands[binding.param as usize] = Operand { fixed, slot: binding.slot };
        }
        unsafe { *out = Box::into_raw(Box::new(prepared)) as *mut c_void };
        0
    })
    .unwrap_or(-8)
}
extern "C" fn unprepare(prepared: *mut c_void) {
    drop(unsafe { Box::from_raw(prepared as *mut Prepared) });
}
extern "C" fn shard_open(_: *mut c_void, shard: *mut c_void, out: *mut *mut c_void, _: *mut Error) -> i32 {
    unsafe { *out = shard };
    0
}
extern "C" fn shard_close(_: *mut c_void, done: *mut c_void) {
    unsafe { ((*LOOP.load(Ordering::Acquire)).done)(done, 0, Str { ptr: text!(""), len: 0 }) }
}
extern "C" fn session_open(_: *mut c_void, _: u64, out: *mut *mut c_void, _: *mut Error) -> i32 {
    unsafe { *out = Box::into_raw(Box::new(Session { sum: 0 })) as *mut c_void };
    0
}
extern "C" fn session_close(session: *mut c_void) {
    drop(unsafe { Box::from_raw(session as *mut Session) });
}
extern "C" fn start(session: *mut c_void, prepared: *const c_void, args: *const Value, _: u32, call: *mut Call) {
    unsafe {
        let of = |operand: Operand| if operand.slot < 0 { operand.fixed } else { (*args.add(operand.slot as usize)).u.i64 };
        let [left, right] = (*(prepared as *const Prepared)).operands;
        (*(session as *mut Session)).sum = of(left).wrapping_add(of(right));
        (*call).outcome = 0;
        (*call).bytes_in = 8;
        ((*CALLS.load(Ordering::Acquire)).complete)(call);
    }
}
extern "C" fn cancel(_: *mut c_void, _: *mut Call) {}
extern "C" fn output(session: *mut c_void, _: *const Call, index: u32, _: Str, out: *mut Value) -> i32 {
    if index != 0 {
        return -1;
    }
    unsafe { *out = Value { kind: I64, reserved: 0, u: Payload { i64: (*(session as *const Session)).sum } } };
    0
}
extern "C" fn release(_: *mut c_void, _: *mut Call) {}

static PROTOCOL: Shared<Protocol> = Shared(Protocol {
    struct_size: size_of::<Protocol>() as u32,
    flags: 0,
    name: text!("golden_rust"),
    options: &NONE.0 as *const _ as *const *const Param,
    ops: &OPS.0 as *const _ as *const *const Op,
    open,
    close,
    prepare,
    unprepare,
    shard_open,
    shard_close,
    session_open,
    session_close,
    start,
    cancel,
    output,
    release,
});

extern "C" fn init(host: *const Host, _: *mut Error) -> i32 {
    unsafe {
        CALLS.store(((*host).get_extension)(host, text!("squall.calls/1"), size_of::<Calls>() as u32) as *mut Calls, Ordering::Release);
        LOOP.store(((*host).get_extension)(host, text!("squall.loop/1"), size_of::<Loop>() as u32) as *mut Loop, Ordering::Release);
    }
    if CALLS.load(Ordering::Acquire).is_null() || LOOP.load(Ordering::Acquire).is_null() { -2 } else { 0 }
}
extern "C" fn fini() {}
extern "C" fn get_interface(id: *const c_char) -> *const c_void {
    let id = unsafe { std::ffi::CStr::from_ptr(id) };
    if id.to_bytes() == b"squall.protocol/1" { &PROTOCOL.0 as *const _ as *const c_void } else { null() }
}

static PLUGIN: Shared<Plugin> = Shared(Plugin {
    struct_size: size_of::<Plugin>() as u32,
    abi_major: ABI_MAJOR,
    abi_minor: ABI_MINOR,
    id: text!("org.example.golden_rust"),
    version: text!("1.0.0"),
    description: text!("of ABI 1.0"),
    license: text!("MIT"),
    build_info: text!("rustc"),
    flags: 0,
    init,
    fini,
    get_interface,
});

#[no_mangle]
pub extern "C" fn squall_plugin_entry_v1() -> *const c_void {
    &PLUGIN.0 as *const _ as *const c_void
}
