//! The protocol "memcached" in Rust: `get` and `set` of memcached's text protocol over the host's streams, with std
//! alone. docs/plugins.md, "In Rust", says what there is to know.
//!   abi.rs   <squall/abi.h> as Rust, held to the header when it is compiled
//!   text.rs  the text protocol; no squall in it
//!   link.rs  one connection and the calls that take turns on it
//!   lib.rs   descriptions, bindings, and the table of functions
//! No panic leaves the library: every function that the host calls goes through `barrier`.
#![warn(rust_2018_idioms)]
#![allow(clippy::missing_safety_doc)]

mod abi;
mod link;
mod text;

use std::ffi::{c_void, CStr};
use std::mem::size_of;
use std::os::raw::c_char;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};

use abi::*;
use link::{Exchange, Link, Shard};

/// Runs `body`; a panic in it ends here and gives `fallback`.
pub fn barrier<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(fallback)
}

// ---- the host's tables ---------------------------------------------------------------------------------------

pub struct HostTables {
    pub event_loop: &'static LoopApi,
    pub calls: &'static CallsApi,
    pub stream: &'static StreamApi,
    pub target: &'static TargetApi,
}

static HOST: AtomicPtr<HostTables> = AtomicPtr::new(null_mut());

/// After init(), which the host calls before anything else.
pub fn host() -> &'static HostTables {
    unsafe { &*HOST.load(Ordering::Acquire) }
}

// ---- descriptions --------------------------------------------------------------------------------------------

/// Constants that hold pointers to other constants: nobody ever writes to them.
struct Constant<T>(T);
unsafe impl<T> Sync for Constant<T> {}

/// A text of C.
macro_rules! c {
    ($text:expr) => {
        concat!($text, "\0").as_ptr().cast::<c_char>()
    };
}

macro_rules! param {
    ($name:ident, $type:expr, $flags:expr, $unit:expr, $text:literal, $doc:literal) => {
        static $name: Constant<Param> = Constant(Param {
            struct_size: size_of::<Param>() as u32,
            r#type: $type,
            flags: $flags,
            unit: $unit,
            name: c!($text),
            doc: c!($doc),
            default_json: null(),
            choices: null(),
        });
    };
}

param!(KEY, SQ_T_STR, SQ_P_REQUIRED, SQ_U_NONE, "key", "at most 250 characters without blanks");
param!(VALUE, SQ_T_BYTES, SQ_P_REQUIRED, SQ_U_NONE, "value", "what is kept");
param!(EXPIRES, SQ_T_DURATION, 0, SQ_U_NONE, "expires", "how long, in whole seconds, at most 30 days; for ever when absent");
param!(FLAGS, SQ_T_I64, 0, SQ_U_NONE, "flags", "a number of 32 bits that is kept with it");
param!(OUT_VALUE, SQ_T_BYTES, 0, SQ_U_NONE, "value", "what was kept");
param!(OUT_FOUND, SQ_T_BOOL, 0, SQ_U_NONE, "found", "whether there was anything");
param!(OUT_SIZE, SQ_T_I64, 0, SQ_U_BYTES, "size", "of the value");
param!(OUT_FLAGS, SQ_T_I64, 0, SQ_U_NONE, "flags", "the number kept with it");

const P_KEY: usize = 0;
const P_VALUE: usize = 1;
const P_EXPIRES: usize = 2;
const P_FLAGS: usize = 3;
static GET_PARAMS: Constant<[*const Param; 2]> = Constant([&KEY.0, null()]);
static SET_PARAMS: Constant<[*const Param; 5]> = Constant([&KEY.0, &VALUE.0, &EXPIRES.0, &FLAGS.0, null()]);
static GET_OUTPUTS: Constant<[*const Param; 5]> =
    Constant([&OUT_VALUE.0, &OUT_FOUND.0, &OUT_SIZE.0, &OUT_FLAGS.0, null()]);
static NONE: Constant<[*const Param; 1]> = Constant([null()]);

const fn operation(name: *const c_char, doc: *const c_char, params: *const *const Param, outputs: *const *const Param) -> Op {
    Op {
        struct_size: size_of::<Op>() as u32,
        flags: 0,
        name,
        doc,
        params,
        outputs,
        cancel_limit_ns: 0,
        code_output: null(),
        code_min: 0,
        code_max: 0,
    }
}
const OP_GET: u32 = 0;
static GET: Constant<Op> =
    Constant(operation(c!("get"), c!("reads one key; that there is none is no failure"), &GET_PARAMS.0 as _, &GET_OUTPUTS.0 as _));
static SET: Constant<Op> = Constant(operation(c!("set"), c!("writes one key"), &SET_PARAMS.0 as _, &NONE.0 as _));
static OPS: Constant<[*const Op; 3]> = Constant([&GET.0, &SET.0, null()]);

// ---- a step's bindings ---------------------------------------------------------------------------------------

/// Where a parameter's value comes from.
enum Bound<T> {
    Absent,
    Fixed(T),
    Slot(usize),
}

impl<T> Bound<T> {
    /// `read` copies what is fixed, and says what is wrong with it.
    fn new(binding: &Binding, read: impl Fn(&Value) -> Result<T, &'static str>) -> Result<Bound<T>, &'static str> {
        match usize::try_from(binding.slot) {
            Ok(slot) => Ok(Bound::Slot(slot)),
            Err(_) => Ok(Bound::Fixed(read(&binding.value)?)),
        }
    }
}

struct Prepared {
    is_get: bool,
    keep: usize,
    to: Bound<*const Target>,
    key: Bound<Vec<u8>>,
    value: Bound<Vec<u8>>,
    expires_s: Bound<u64>,
    flags: Bound<u32>,
}

fn read_key<'a>(value: &Value) -> Result<&'a [u8], &'static str> {
    let bytes = unsafe { value.as_bytes() };
    bytes.filter(|key| text::is_key(key)).ok_or("key is not 1 to 250 characters without blanks")
}
fn read_value<'a>(value: &Value) -> Result<&'a [u8], &'static str> {
    unsafe { value.as_bytes() }.ok_or("value is not text")
}
fn read_expires(value: &Value) -> Result<u64, &'static str> {
    const SECOND: i64 = 1_000_000_000;
    const LONGEST: i64 = 30 * 24 * 3600 * SECOND; // a larger number is a date to memcached
    let ns = value.as_int().filter(|ns| (0..=LONGEST).contains(ns)).ok_or("expires is not between 0s and 30d")?;
    Ok(((ns + SECOND - 1) / SECOND) as u64)
}
fn read_flags(value: &Value) -> Result<u32, &'static str> {
    value.as_int().and_then(|flags| u32::try_from(flags).ok()).ok_or("flags is not a number of 32 bits")
}
fn read_target(value: &Value) -> Result<*const Target, &'static str> {
    value.as_target().filter(|target| !target.is_null()).ok_or("no target")
}

impl Prepared {
    fn new(op: u32, bindings: &[Binding], keep: usize) -> Result<Prepared, &'static str> {
        let mut prepared = Prepared {
            is_get: op == OP_GET,
            keep,
            to: Bound::Absent,
            key: Bound::Absent,
            value: Bound::Absent,
            expires_s: Bound::Absent,
            flags: Bound::Absent,
        };
        for binding in bindings {
            if binding.param == SQ_PARAM_TO {
                prepared.to = Bound::new(binding, read_target)?;
                continue;
            }
            match binding.param as usize {
                P_KEY => prepared.key = Bound::new(binding, |v| read_key(v).map(<[u8]>::to_vec))?,
                P_VALUE if !prepared.is_get => {
                    prepared.value = Bound::new(binding, |v| read_value(v).map(<[u8]>::to_vec))?
                }
                P_EXPIRES if !prepared.is_get => prepared.expires_s = Bound::new(binding, read_expires)?,
                P_FLAGS if !prepared.is_get => prepared.flags = Bound::new(binding, read_flags)?,
                _ => return Err("memcached has no such parameter"),
            }
        }
        if let Bound::Absent = prepared.to {
            return Err("memcached needs a target: to");
        }
        if matches!(prepared.key, Bound::Absent) {
            return Err("parameter key is missing");
        }
        if !prepared.is_get && matches!(prepared.value, Bound::Absent) {
            return Err("parameter value is missing");
        }
        Ok(prepared)
    }

    /// Puts the request of one call; gives its target.
    fn render(&self, args: &[Value], out: &mut Vec<u8>) -> Result<*const Target, &'static str> {
        let key = match &self.key {
            Bound::Fixed(key) => &key[..],
            Bound::Slot(slot) => read_key(&args[*slot])?,
            Bound::Absent => &[],
        };
        if self.is_get {
            text::put_get(out, key);
        } else {
            let value = match &self.value {
                Bound::Fixed(value) => &value[..],
                Bound::Slot(slot) => read_value(&args[*slot])?,
                Bound::Absent => &[],
            };
            let expires_s = match self.expires_s {
                Bound::Fixed(expires_s) => expires_s,
                Bound::Slot(slot) => read_expires(&args[slot])?,
                Bound::Absent => 0,
            };
            let flags = match self.flags {
                Bound::Fixed(flags) => flags,
                Bound::Slot(slot) => read_flags(&args[slot])?,
                Bound::Absent => 0,
            };
            text::put_set(out, key, flags, expires_s, value);
        }
        match self.to {
            Bound::Fixed(target) => Ok(target),
            Bound::Slot(slot) => read_target(&args[slot]),
            Bound::Absent => Err("no target"),
        }
    }
}

// ---- the table -----------------------------------------------------------------------------------------------

unsafe fn refuse(error: *mut Error, code: Status, text: &str) -> Status {
    if let Some(error) = error.as_mut() {
        error.code = code;
        let len = text.len().min(error.text.len() - 1);
        for (to, from) in error.text.iter_mut().zip(&text.as_bytes()[..len]) {
            *to = *from as c_char;
        }
        error.text[len] = 0;
    }
    code
}

unsafe extern "C" fn open(_: *const c_void, _: u64, instance: *mut *mut c_void, _: *mut Error) -> Status {
    *instance = null_mut(); // there are no options, so there is nothing to keep
    SQ_OK
}
unsafe extern "C" fn close(_: *mut c_void) {}

unsafe extern "C" fn prepare(
    _: *mut c_void, op: u32, bindings: *const Binding, n: u32, wants: *const Wants, out: *mut *mut c_void, error: *mut Error,
) -> Status {
    let result = barrier(Err("panic"), || {
        let bindings = if n == 0 { &[] } else { std::slice::from_raw_parts(bindings, n as usize) };
        let keep = if (*wants).outputs & 1 != 0 { (*wants).keep_bytes as usize } else { 0 };
        Prepared::new(op, bindings, keep)
    });
    match result {
        Ok(prepared) => {
            *out = Box::into_raw(Box::new(prepared)).cast();
            SQ_OK
        }
        Err(text) => refuse(error, SQ_E_INVALID, text),
    }
}
unsafe extern "C" fn unprepare(prepared: *mut c_void) {
    barrier((), || drop(Box::from_raw(prepared.cast::<Prepared>())));
}

unsafe extern "C" fn shard_open(_: *mut c_void, handle: *mut abi::Shard, out: *mut *mut c_void, error: *mut Error) -> Status {
    let shard = barrier(null_mut(), || Box::into_raw(Box::new(Shard::new(handle))));
    *out = shard.cast();
    if shard.is_null() { refuse(error, SQ_E_INTERNAL, "panic") } else { SQ_OK }
}
unsafe extern "C" fn shard_close(shard: *mut c_void, done: *mut Done) {
    barrier((), || Shard::close(shard.cast(), done));
}

struct Session {
    shard: *mut Shard,
    id: u64,
    /// One for each target that its users have spoken to; boxes that streams know the address of.
    links: Vec<*mut Link>,
}

unsafe extern "C" fn session_open(shard: *mut c_void, id: u64, out: *mut *mut c_void, error: *mut Error) -> Status {
    let session = Session { shard: shard.cast(), id, links: Vec::new() };
    let session = barrier(null_mut(), || Box::into_raw(Box::new(session)));
    *out = session.cast();
    if session.is_null() { refuse(error, SQ_E_INTERNAL, "panic") } else { SQ_OK }
}
unsafe extern "C" fn session_close(session: *mut c_void) {
    barrier((), || {
        for &link in &Box::from_raw(session.cast::<Session>()).links {
            Link::leave(link);
        }
    });
}

impl Session {
    unsafe fn link_to(&mut self, target: *const Target) -> *mut Link {
        if let Some(&link) = self.links.iter().find(|&&link| (*link).target == target) {
            return link;
        }
        let link = Box::into_raw(Box::new(Link::new(self.shard, target, self.id)));
        self.links.push(link);
        link
    }

    unsafe fn start(&mut self, prepared: &Prepared, args: &[Value], exchange: &mut Exchange) {
        exchange.answer.begin(prepared.is_get, prepared.keep);
        match prepared.render(args, &mut exchange.question) {
            Ok(target) => (*self.link_to(target)).start(exchange),
            Err(text) => exchange.end(SQ_OUT_FAILED, SQ_K_PROTOCOL, text.as_bytes()),
        }
    }
}

unsafe extern "C" fn start(session: *mut c_void, prepared: *const c_void, args: *const Value, n: u32, call: *mut Call) {
    let session = &mut *session.cast::<Session>();
    (*call).plugin_data = null_mut();
    let is_started = barrier(false, || {
        let exchange = (*session.shard).take();
        (*exchange).call = call;
        (*call).plugin_data = exchange.cast();
        let args = if n == 0 { &[] } else { std::slice::from_raw_parts(args, n as usize) };
        session.start(&*prepared.cast::<Prepared>(), args, &mut *exchange);
        true
    });
    if !is_started {
        barrier((), || end_in_panic(call));
    }
}

/// A call whose start() has panicked, wherever it had come to.
unsafe fn end_in_panic(call: *mut Call) {
    match (*call).plugin_data.cast::<Exchange>().as_mut() {
        None => {
            (*call).outcome = SQ_OUT_FAILED;
            (*call).kind = SQ_K_PLUGIN;
            (*call).detail = Str::of(b"panic");
            (host().calls.complete)(call);
        }
        Some(exchange) if exchange.call.is_null() => {} // it had ended before
        Some(exchange) if exchange.link.is_null() => exchange.end(SQ_OUT_FAILED, SQ_K_PLUGIN, b"panic"),
        Some(exchange) => (*exchange.link).drop_call(exchange, SQ_OUT_FAILED, SQ_K_PLUGIN, b"panic"),
    }
}

unsafe extern "C" fn cancel(_: *mut c_void, call: *mut Call) {
    barrier((), || {
        let exchange = (*call).plugin_data.cast::<Exchange>();
        if exchange.is_null() || (*exchange).call.is_null() || (*exchange).link.is_null() {
            return; // it has ended
        }
        let is_late = (*call).deadline_ns != 0 && (host().event_loop.now_ns)((*call).shard) >= (*call).deadline_ns;
        let outcome = if is_late { SQ_OUT_TIMEOUT } else { SQ_OUT_CANCELLED };
        (*(*exchange).link).drop_call(exchange, outcome, SQ_K_NONE, b"");
    });
}

unsafe extern "C" fn output(_: *mut c_void, call: *const Call, index: u32, _: Str, out: *mut Value) -> Status {
    barrier(SQ_E_INTERNAL, || {
        let exchange = match (*call).plugin_data.cast::<Exchange>().as_ref() {
            Some(exchange) => exchange,
            None => return SQ_E_INVALID,
        };
        let answer = &exchange.answer;
        *out = match index {
            1 => Value::bool(answer.found),
            0 | 2 | 3 if !answer.found => Value::NULL,
            0 => Value::bytes_of(&answer.value),
            2 => Value::int(answer.size as i64),
            3 => Value::int(answer.flags.into()),
            _ => return SQ_E_INVALID,
        };
        SQ_OK
    })
}

unsafe extern "C" fn release(session: *mut c_void, call: *mut Call) {
    barrier((), || {
        let exchange = std::mem::replace(&mut (*call).plugin_data, null_mut());
        if !exchange.is_null() {
            (*(*session.cast::<Session>()).shard).give_back(exchange.cast());
        }
    });
}

static PROTOCOL: Constant<Protocol> = Constant(Protocol {
    struct_size: size_of::<Protocol>() as u32,
    flags: 0,
    name: c!("memcached"),
    options: &NONE.0 as _,
    ops: &OPS.0 as _,
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

unsafe extern "C" fn init(root: *const Host, error: *mut Error) -> Status {
    unsafe fn table<T>(root: *const Host, id: &[u8]) -> Option<&'static T> {
        ((*root).get_extension)(root, id.as_ptr().cast(), size_of::<T>() as u32).cast::<T>().as_ref()
    }
    let is_whole = barrier(false, || {
        let tables = (|| {
            Some(HostTables {
                event_loop: table(root, b"squall.loop/1\0")?,
                calls: table(root, b"squall.calls/1\0")?,
                stream: table(root, b"squall.stream/1\0")?,
                target: table(root, b"squall.target/1\0")?,
            })
        })();
        tables.map(|tables| HOST.store(Box::into_raw(Box::new(tables)), Ordering::Release)).is_some()
    });
    if is_whole {
        return SQ_OK;
    }
    refuse(error, SQ_E_UNSUPPORTED, "host lacks squall.loop/1, squall.calls/1, squall.stream/1 or squall.target/1")
}
unsafe extern "C" fn fini() {}

unsafe extern "C" fn get_interface(id: *const c_char) -> *const c_void {
    let protocol: *const Protocol = &PROTOCOL.0;
    if CStr::from_ptr(id).to_bytes() == b"squall.protocol/1" { protocol.cast() } else { null() }
}

static PLUGIN: Constant<Plugin> = Constant(Plugin {
    struct_size: size_of::<Plugin>() as u32,
    abi_major: SQ_ABI_MAJOR,
    abi_minor: SQ_TARGET_MINOR,
    id: c!("org.example.memcached"),
    version: c!(env!("SQUALL_PLUGIN_VERSION")),
    description: c!("memcached's text protocol"),
    license: c!("Apache-2.0"),
    build_info: c!("rustc"),
    flags: 0,
    init,
    fini,
    get_interface,
});

#[no_mangle]
pub extern "C" fn squall_plugin_entry_v1() -> *const Plugin {
    &PLUGIN.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_at_the_barrier() {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        assert_eq!(barrier(7, || panic!("on purpose")), 7);
        std::panic::set_hook(before);
        assert_eq!(barrier(7, || 8), 8);
    }

    #[test]
    fn a_step_is_bound_once_and_rendered_for_each_call() {
        let target = 8 as *const Target;
        let value = |r#type, u| Value { r#type, reserved: 0, u };
        let text = |bytes: &[u8]| value(SQ_T_STR, Payload { str: Str::of(bytes) });
        let bind = |param, slot, value| Binding { param, slot, value };
        let to = bind(SQ_PARAM_TO, -1, value(SQ_T_TARGET, Payload { target }));
        let expires = value(SQ_T_DURATION, Payload { i64: 1_500_000_000 });
        let bindings = [to, bind(0, -1, text(b"k")), bind(1, 0, Value::NULL), bind(2, -1, expires)];
        let set = Prepared::new(1, &bindings, 0).ok().unwrap();
        for body in [&b"one"[..], b"", b"\r\n"] {
            let mut out = Vec::new();
            assert_eq!(set.render(&[text(body)], &mut out), Ok(target));
            assert_eq!(out, [format!("set k 0 2 {}\r\n", body.len()).as_bytes(), body, b"\r\n"].concat());
        }
        assert!(set.render(&[Value::NULL], &mut Vec::new()).is_err());
        assert_eq!(Prepared::new(1, &bindings[..2], 0).err(), Some("parameter value is missing"));
        assert_eq!(Prepared::new(0, &bindings[1..2], 0).err(), Some("memcached needs a target: to"));
        assert!(Prepared::new(0, &[to, bind(0, -1, text(b"a b"))], 0).is_err());
        assert!(read_expires(&value(SQ_T_DURATION, Payload { i64: 31 * 86_400_000_000_000 })).is_err());
    }
}
