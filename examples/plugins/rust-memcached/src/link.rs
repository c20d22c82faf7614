//! One TCP connection to one target and the calls that take turns on it. It opens when a call needs it, opens again when
//! the server has closed it, and is given up when a call leaves it in doubt whose answer comes next. All of it runs on
//! the shard's thread; every callback comes from the loop, never from inside a call of ours to the host, so that
//! no two of the references made here are alive at once.
use std::collections::VecDeque;
use std::ffi::c_void;
use std::mem::size_of;
use std::ptr::null_mut;

use crate::abi::{self, *};
use crate::text::{Answer, Fault};
use crate::{barrier, host};

/// One call, from start() to release(). Used again: a steady run allocates nothing.
pub struct Exchange {
    /// Null once it has ended.
    pub call: *mut Call,
    pub link: *mut Link,
    pub question: Vec<u8>,
    pub answer: Answer,
    /// What results count by, until release().
    detail: Vec<u8>,
    sent_ns: u64,
}

impl Exchange {
    fn new() -> Exchange {
        Exchange {
            call: null_mut(),
            link: null_mut(),
            question: Vec::new(),
            answer: Answer::new(),
            detail: Vec::new(),
            sent_ns: 0,
        }
    }

    /// The call must not have ended.
    pub unsafe fn end(&mut self, outcome: u32, kind: u32, detail: &[u8]) {
        self.detail.clear();
        self.detail.extend_from_slice(detail);
        let call = &mut *std::mem::replace(&mut self.call, null_mut());
        call.outcome = outcome;
        call.kind = kind;
        call.detail = Str::of(&self.detail);
        (host().calls.complete)(call);
    }

    unsafe fn fail(&mut self, kind: u32, detail: &[u8]) {
        self.end(SQ_OUT_FAILED, kind, detail);
    }
}

/// What the sessions of one thread share.
pub struct Shard {
    pub handle: *mut abi::Shard,
    idle: Vec<Box<Exchange>>,
    /// Streams that have not closed yet.
    streams: usize,
    done: *mut Done,
}

impl Shard {
    pub fn new(handle: *mut abi::Shard) -> Shard {
        Shard { handle, idle: Vec::new(), streams: 0, done: null_mut() }
    }

    pub fn take(&mut self) -> *mut Exchange {
        let mut exchange = self.idle.pop().unwrap_or_else(|| Box::new(Exchange::new()));
        exchange.link = null_mut();
        exchange.question.clear();
        Box::into_raw(exchange)
    }

    pub unsafe fn give_back(&mut self, exchange: *mut Exchange) {
        self.idle.push(Box::from_raw(exchange));
    }

    /// Frees the shard, at once or when its last stream has closed.
    pub unsafe fn close(shard: *mut Shard, done: *mut Done) {
        (*shard).done = done;
        Shard::end_if_idle(shard);
    }

    unsafe fn end_if_idle(shard: *mut Shard) {
        if (*shard).done.is_null() || (*shard).streams > 0 {
            return;
        }
        let done = Box::from_raw(shard).done;
        (host().event_loop.done)(done, SQ_OK, Str::EMPTY);
    }
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Idle,
    Connecting,
    Open,
    /// on_closed is on its way.
    Closing,
}

pub struct Link {
    shard: *mut Shard,
    pub target: *const Target,
    session: u64,
    stream: *mut Stream,
    state: State,
    /// Its session has gone.
    is_left: bool,
    /// This connection has carried a request.
    was_used: bool,
    /// The first of the queue is on its way.
    is_sent: bool,
    /// `out` is the stream's, whatever has become of the call.
    is_writing: bool,
    out: Vec<u8>,
    queue: VecDeque<*mut Exchange>,
}

static EVENTS: StreamEvents = StreamEvents {
    struct_size: size_of::<StreamEvents>() as u32,
    flags: 0,
    on_open,
    on_data,
    on_written,
    on_closed,
};

impl Link {
    pub fn new(shard: *mut Shard, target: *const Target, session: u64) -> Link {
        Link {
            shard,
            target,
            session,
            stream: null_mut(),
            state: State::Idle,
            is_left: false,
            was_used: false,
            is_sent: false,
            is_writing: false,
            out: Vec::new(),
            queue: VecDeque::new(),
        }
    }

    pub unsafe fn start(&mut self, exchange: *mut Exchange) {
        (*exchange).link = self;
        self.queue.push_back(exchange);
        self.go_on();
    }

    /// Takes a call out that has not ended, and ends it so.
    pub unsafe fn drop_call(&mut self, exchange: *mut Exchange, outcome: u32, kind: u32, detail: &[u8]) {
        if self.queue.front() == Some(&exchange) {
            if self.is_sent {
                self.close_stream(); // its answer may still come and must not be taken for another's
            }
            self.pop();
        } else {
            self.queue.retain(|&one| one != exchange);
        }
        if self.queue.is_empty() && self.state == State::Connecting {
            self.close_stream(); // nobody waits for it any more
        }
        (*exchange).end(outcome, kind, detail);
    }

    /// No call is in flight. The link goes with its stream.
    pub unsafe fn leave(link: *mut Link) {
        (*link).is_left = true;
        if (*link).state == State::Idle {
            drop(Box::from_raw(link));
        } else {
            (*link).close_stream();
        }
    }

    unsafe fn pop(&mut self) -> Option<&mut Exchange> {
        self.is_sent = false;
        self.queue.pop_front().map(|exchange| &mut *exchange)
    }

    unsafe fn close_stream(&mut self) {
        if self.state == State::Connecting || self.state == State::Open {
            self.state = State::Closing;
            (host().stream.close)(self.stream);
        }
    }

    /// Does what can be done for the queue now.
    unsafe fn go_on(&mut self) {
        if self.queue.is_empty() {
            return;
        }
        match self.state {
            State::Idle => self.connect(),
            State::Open if !self.is_sent && !self.is_writing => self.send_first(),
            _ => {}
        }
    }

    unsafe fn connect(&mut self) {
        let options = ConnectOpts {
            struct_size: size_of::<ConnectOpts>() as u32,
            flags: SQ_S_NODELAY | SQ_S_DIRECT,
            connect_timeout_ns: 0,
            session: self.session,
            alpn: Str::EMPTY,
        };
        let context: *mut Link = self;
        let shard = (*self.shard).handle;
        if (host().stream.connect)(shard, self.target, &options, &EVENTS, context.cast(), &mut self.stream) != SQ_OK {
            while let Some(exchange) = self.pop() {
                exchange.fail(SQ_K_CONNECT, b"refused by the host");
            }
            return;
        }
        self.state = State::Connecting;
        self.was_used = false;
        self.is_writing = false;
        (*self.shard).streams += 1;
    }

    unsafe fn send_first(&mut self) {
        let exchange = &mut *self.queue[0];
        let shard = (*self.shard).handle;
        std::mem::swap(&mut self.out, &mut exchange.question);
        if std::mem::replace(&mut self.was_used, true) {
            (host().target.note)(shard, self.target, SQ_CN_REUSED);
        }
        (*exchange.call).bytes_out = self.out.len() as u64;
        exchange.sent_ns = (host().event_loop.now_ns)(shard);
        self.is_sent = true;
        let bytes = Buf { ptr: self.out.as_ptr(), len: self.out.len() as u64 };
        match (host().stream.write)(self.stream, &bytes, 1, null_mut()) {
            SQ_DONE => {}
            SQ_OK => self.is_writing = true,
            _ => self.give_up(SQ_K_SEND, b"refused by the host"),
        }
    }

    unsafe fn give_up(&mut self, kind: u32, why: &[u8]) {
        if self.is_sent {
            if let Some(exchange) = self.pop() {
                exchange.fail(kind, why);
            }
        }
        self.close_stream();
    }

    unsafe fn opened(&mut self, info: &StreamInfo) {
        self.state = State::Open;
        if let Some(&first) = self.queue.front() {
            // the one for whom it was opened
            let phase_ns = &mut (*(*first).call).phase_ns;
            phase_ns[SQ_PH_RESOLVE] = info.resolve_ns;
            phase_ns[SQ_PH_CONNECT] = info.connect_ns;
            phase_ns[SQ_PH_TLS] = info.tls_ns;
        }
        self.go_on();
    }

    /// How many bytes were taken; 0 of `data`: the server has closed.
    unsafe fn received(&mut self, data: &[u8]) -> usize {
        if data.is_empty() {
            self.give_up(SQ_K_CLOSED, b"eof");
            return 0;
        }
        if !self.is_sent {
            self.give_up(SQ_K_PROTOCOL, b""); // nobody has asked: whatever it is, it must not become an answer
            return data.len();
        }
        let now_ns = (host().event_loop.recent_ns)((*self.shard).handle);
        let exchange = &mut *self.queue[0];
        let call = &mut *exchange.call;
        if call.first_byte_ns == 0 {
            call.first_byte_ns = now_ns;
            call.phase_ns[SQ_PH_FIRST_BYTE] = now_ns.saturating_sub(exchange.sent_ns);
        }
        let (taken, result) = exchange.answer.take(data);
        call.bytes_in += taken as u64;
        if result == Ok(false) {
            return taken;
        }
        call.end_ns = now_ns;
        if let Err(Fault::Malformed(what)) = result {
            self.give_up(SQ_K_PROTOCOL, what.as_bytes());
            return data.len();
        }
        let _ = self.pop();
        if result.is_ok() {
            exchange.end(SQ_OUT_OK, SQ_K_NONE, b"");
        } else {
            let line = std::mem::take(&mut exchange.answer.line);
            exchange.fail(SQ_K_STATUS, &line[..line.len().min(60)]);
            exchange.answer.line = line;
        }
        if taken < data.len() {
            self.close_stream(); // more than was asked for
            return data.len();
        }
        self.go_on();
        taken
    }

    unsafe fn closed(link: *mut Link, kind: u32, detail: &[u8]) {
        let this = &mut *link;
        let was = std::mem::replace(&mut this.state, State::Idle);
        this.stream = null_mut();
        if was == State::Connecting {
            // nobody there: for none of those who wait
            while let Some(exchange) = this.pop() {
                exchange.fail(if kind == SQ_K_NONE { SQ_K_CONNECT } else { kind }, detail);
            }
        } else if this.is_sent {
            if let Some(exchange) = this.pop() {
                exchange.fail(if kind == SQ_K_NONE { SQ_K_CLOSED } else { kind }, detail);
            }
        }
        let shard = this.shard;
        (*shard).streams -= 1;
        if this.is_left {
            drop(Box::from_raw(link));
            Shard::end_if_idle(shard);
        } else {
            this.go_on(); // what was not sent goes out on the next connection
        }
    }
}

// ---- the stream's callbacks: a panic gives the connection up -------------------------------------------------

unsafe extern "C" fn on_open(context: *mut c_void, _: *mut Stream, info: *const StreamInfo) {
    let link = context.cast::<Link>();
    guarded(link, (), || (*link).opened(&*info));
}

unsafe extern "C" fn on_data(context: *mut c_void, _: *mut Stream, data: *const u8, len: u64) -> u64 {
    let link = context.cast::<Link>();
    let bytes = if len == 0 { &[][..] } else { std::slice::from_raw_parts(data, len as usize) };
    guarded(link, len, || (*link).received(bytes) as u64)
}

unsafe extern "C" fn on_written(context: *mut c_void, _: *mut Stream, _: *mut c_void) {
    let link = context.cast::<Link>();
    guarded(link, (), || {
        (*link).is_writing = false;
        (*link).go_on();
    });
}

unsafe extern "C" fn on_closed(context: *mut c_void, _: *mut Stream, _: Status, kind: u32, detail: Str) {
    let link = context.cast::<Link>();
    barrier((), || Link::closed(link, kind, detail.bytes()));
}

unsafe fn guarded<T: Copy>(link: *mut Link, fallback: T, body: impl FnOnce() -> T) -> T {
    match barrier(None, || Some(body())) {
        Some(result) => result,
        None => {
            barrier((), || (*link).give_up(SQ_K_PLUGIN, b"panic"));
            fallback
        }
    }
}
