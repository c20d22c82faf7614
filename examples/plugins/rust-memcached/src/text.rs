//! memcached's text protocol: what is sent, and how an answer is read as it comes. No squall in here.
use std::io::Write;

pub const KEY_MAX: usize = 250;
const LINE_MAX: usize = 2048;

pub fn is_key(key: &[u8]) -> bool {
    (1..=KEY_MAX).contains(&key.len()) && key.iter().all(|&c| c > b' ' && c != 0x7f)
}

pub fn put_get(out: &mut Vec<u8>, key: &[u8]) {
    out.extend_from_slice(b"get ");
    out.extend_from_slice(key);
    out.extend_from_slice(b"\r\n");
}

pub fn put_set(out: &mut Vec<u8>, key: &[u8], flags: u32, expires_s: u64, value: &[u8]) {
    out.extend_from_slice(b"set ");
    out.extend_from_slice(key);
    let _ = write!(out, " {} {} {}\r\n", flags, expires_s, value.len()); // into memory: cannot fail
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[derive(Debug, PartialEq)]
pub enum Fault {
    /// The server's own line: ERROR, CLIENT_ERROR …, SERVER_ERROR …. The connection can be used on.
    Refused,
    /// Nobody knows any more where the next answer begins.
    Malformed(&'static str),
}

#[derive(Clone, Copy, PartialEq)]
enum Expects {
    FirstLine,
    /// So many bytes of the value and its CR LF.
    Value(usize),
    End,
}

/// One answer, from its first byte to its last. Used again: `value` and `line` keep their memory.
pub struct Answer {
    expects: Expects,
    is_get: bool,
    keep: usize,
    pub found: bool,
    pub flags: u32,
    /// Of the whole value, also of what is not kept.
    pub size: usize,
    pub value: Vec<u8>,
    /// What a server that refuses says.
    pub line: Vec<u8>,
}

impl Answer {
    pub fn new() -> Answer {
        Answer {
            expects: Expects::FirstLine,
            is_get: false,
            keep: 0,
            found: false,
            flags: 0,
            size: 0,
            value: Vec::new(),
            line: Vec::new(),
        }
    }

    /// Before the next answer, of which `keep` bytes of the value will be looked at.
    pub fn begin(&mut self, is_get: bool, keep: usize) {
        self.expects = Expects::FirstLine;
        self.is_get = is_get;
        self.keep = keep;
        self.found = false;
        self.flags = 0;
        self.size = 0;
        self.value.clear();
        self.line.clear();
    }

    /// How many bytes of `data` were the answer's, and whether it is whole. The rest is to be shown again, with more.
    pub fn take(&mut self, data: &[u8]) -> (usize, Result<bool, Fault>) {
        let mut taken = 0;
        loop {
            let rest = &data[taken..];
            if let Expects::Value(left) = self.expects {
                let step = left.min(rest.len());
                let of_value = step.min(left.saturating_sub(2)); // without CR LF
                let room = self.keep.saturating_sub(self.value.len());
                self.value.extend_from_slice(&rest[..of_value.min(room)]);
                let end = &rest[of_value..step];
                if !end.is_empty() && end != &b"\r\n"[2 - left.min(2)..][..end.len()] {
                    return (taken, Err(Fault::Malformed("value without its end")));
                }
                taken += step;
                if step < left {
                    self.expects = Expects::Value(left - step);
                    return (taken, Ok(false));
                }
                self.expects = Expects::End;
                continue;
            }
            let newline = match rest.iter().position(|&c| c == b'\n') {
                Some(at) if at < LINE_MAX => at,
                None if rest.len() < LINE_MAX => return (taken, Ok(false)),
                _ => return (taken, Err(Fault::Malformed("line too long"))),
            };
            taken += newline + 1;
            let line = rest[..newline].strip_suffix(b"\r").unwrap_or(&rest[..newline]);
            match self.take_line(line) {
                Ok(false) => continue,
                result => return (taken, result),
            }
        }
    }

    fn take_line(&mut self, line: &[u8]) -> Result<bool, Fault> {
        if self.expects == Expects::End {
            return if line == b"END" { Ok(true) } else { Err(Fault::Malformed("more than one value")) };
        }
        match (self.is_get, line) {
            (true, b"END") | (false, b"STORED") => return Ok(true),
            _ => {}
        }
        let word = line.split(|&c| c == b' ').next().unwrap_or(line);
        if [&b"ERROR"[..], b"CLIENT_ERROR", b"SERVER_ERROR", b"NOT_STORED"].contains(&word) {
            self.line.extend_from_slice(line);
            return Err(Fault::Refused);
        }
        let value = if self.is_get { read_value_line(line) } else { None };
        let (flags, size) = value.ok_or(Fault::Malformed("unknown answer"))?;
        self.found = true;
        self.flags = flags;
        self.size = size;
        self.expects = Expects::Value(size + 2);
        Ok(false)
    }
}

/// `VALUE key flags bytes`, perhaps with a fifth word.
fn read_value_line(line: &[u8]) -> Option<(u32, usize)> {
    const SIZE_MAX: usize = 1 << 30;
    let mut words = std::str::from_utf8(line).ok()?.strip_prefix("VALUE ")?.split(' ').skip(1);
    let flags = words.next()?.parse().ok()?;
    let size = words.next()?.parse().ok()?;
    (size <= SIZE_MAX).then(|| (flags, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds an answer in pieces of `step` bytes as a stream shows them: what is not taken comes again.
    fn feed(answer: &mut Answer, bytes: &[u8], step: usize) -> (usize, Result<bool, Fault>) {
        let (mut begin, mut end) = (0, 0);
        loop {
            end = (end + step).min(bytes.len());
            let (taken, result) = answer.take(&bytes[begin..end]);
            begin += taken;
            if result != Ok(false) || end == bytes.len() {
                return (begin, result);
            }
        }
    }

    fn read(is_get: bool, keep: usize, bytes: &[u8]) -> Answer {
        let mut last = Answer::new();
        for step in 1..=bytes.len() {
            let mut answer = Answer::new();
            answer.begin(is_get, keep);
            assert_eq!(feed(&mut answer, bytes, step), (bytes.len(), Ok(true)), "in pieces of {}", step);
            last = answer;
        }
        last
    }

    #[test]
    fn a_value_is_read_however_it_is_cut() {
        let answer = read(true, 100, b"VALUE k 7 9\r\nnine\r\nnin\r\nEND\r\n");
        assert_eq!((answer.found, answer.flags, answer.size), (true, 7, 9));
        assert_eq!(answer.value, b"nine\r\nnin");
        assert_eq!(read(true, 4, b"VALUE k 7 9\r\nnine\r\nnin\r\nEND\r\n").value, b"nine");
        assert_eq!(read(true, 4, b"VALUE k 0 0\r\n\r\nEND\r\n").size, 0);
        assert!(!read(true, 4, b"END\r\n").found);
        read(false, 0, b"STORED\r\n");
    }

    #[test]
    fn what_follows_an_answer_is_left_alone() {
        let mut answer = Answer::new();
        answer.begin(true, 10);
        assert_eq!(answer.take(b"END\r\nEND\r\n"), (5, Ok(true)));
    }

    #[test]
    fn faults_have_names() {
        let fault = |is_get, bytes: &[u8]| {
            let mut answer = Answer::new();
            answer.begin(is_get, 10);
            answer.take(bytes).1
        };
        assert_eq!(fault(false, b"SERVER_ERROR out of memory\r\n"), Err(Fault::Refused));
        assert_eq!(fault(false, b"VALUE k 0 1\r\n"), Err(Fault::Malformed("unknown answer")));
        assert_eq!(fault(true, b"VALUE k 0 -1\r\n"), Err(Fault::Malformed("unknown answer")));
        assert_eq!(fault(true, b"VALUE k 0 99999999999\r\n"), Err(Fault::Malformed("unknown answer")));
        assert_eq!(fault(true, b"VALUE k 0 1\r\nabc"), Err(Fault::Malformed("value without its end")));
        assert_eq!(fault(true, b"VALUE k 0 1\r\na\r\nVALUE l 0 1\r\n"), Err(Fault::Malformed("more than one value")));
        assert_eq!(fault(true, &[b'x'; LINE_MAX]), Err(Fault::Malformed("line too long")));
    }

    #[test]
    fn keys_are_what_the_protocol_can_carry() {
        assert!(is_key(b"a") && is_key(&[b'k'; KEY_MAX]));
        assert!(!is_key(b"") && !is_key(b"a b") && !is_key(b"a\r\n") && !is_key(&[b'k'; KEY_MAX + 1]));
    }
}
