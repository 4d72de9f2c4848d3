//! What `/proc` says of one process. No more is read and parsed than is needed: a sampler asks for it up to twenty times a
//! second, and processes come and go meanwhile, so that every answer may be `None`.

use std::fs::{self, File};
use std::io::{self, Read};
use std::sync::OnceLock;

use rustix::param::clock_ticks_per_second;

const KIB: u64 = 1024;

/// Of `/proc/PID/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) parent: i32,
    pub(super) group: i32,
    pub(super) is_zombie: bool,
    /// Its start, in ticks after boot.
    pub(super) started: u64,
    /// CPU time of its threads, those that ended too, ns in steps of a tick.
    pub(super) own_ns: u64,
    /// CPU time of the children that it has waited for, ns in steps of a tick.
    pub(super) waited_ns: u64,
}

impl Stat {
    pub(super) fn read(pid: i32) -> Option<Self> {
        Self::parse(&read(&format!("/proc/{pid}/stat")).ok()?)
    }

    /// The fields behind the name, which may hold spaces and brackets; proc_pid_stat(5) numbers the first of them 3.
    fn parse(text: &[u8]) -> Option<Self> {
        let end = text.iter().rposition(|byte| *byte == b')')?;
        let text = std::str::from_utf8(&text[end + 1..]).ok()?;
        let fields: Vec<&str> = text.split_ascii_whitespace().take(20).collect();
        let id = |number: usize| fields.get(number - 3)?.parse().ok();
        // Linux prints the time of children as signed numbers.
        let ticks = |number: usize| {
            let ticks: i64 = fields.get(number - 3)?.parse().ok()?;
            u64::try_from(ticks).ok()
        };
        let both = |a: usize, b: usize| Some(ticks_ns(ticks(a)?.checked_add(ticks(b)?)?));
        Some(Self {
            is_zombie: *fields.first()? == "Z",
            parent: id(4)?,
            group: id(5)?,
            own_ns: both(14, 15)?,
            waited_ns: both(16, 17)?,
            started: fields.get(22 - 3)?.parse().ok()?,
        })
    }
}

/// Resident bytes now and at their peak; `None` of a zombie, which has no memory.
pub(super) fn memory(pid: i32) -> Option<(u64, u64)> {
    parse_memory(&read(&format!("/proc/{pid}/status")).ok()?)
}

fn parse_memory(status: &[u8]) -> Option<(u64, u64)> {
    let bytes = |key: &[u8]| {
        let mut lines = status.split(|byte| *byte == b'\n');
        let line = lines.find_map(|line| line.strip_prefix(key))?;
        let kib: u64 = std::str::from_utf8(line)
            .ok()?
            .trim()
            .strip_suffix(" kB")?
            .parse()
            .ok()?;
        kib.checked_mul(KIB)
    };
    Some((bytes(b"VmRSS:")?, bytes(b"VmHWM:")?))
}

/// The ids of all processes.
pub(super) fn all() -> Vec<i32> {
    numbers("/proc").unwrap_or_default()
}

/// Whether the kernel lists children (`CONFIG_PROC_CHILDREN`).
pub(super) fn lists_children() -> bool {
    static LISTS: OnceLock<bool> = OnceLock::new();
    *LISTS.get_or_init(|| fs::exists("/proc/thread-self/children").unwrap_or(false))
}

/// The children of a process, which are listed by the thread that started them; `None` if it or one of its threads ended
/// meanwhile, for children pass to another thread then.
pub(super) fn children(pid: i32) -> Option<Vec<i32>> {
    let mut found = Vec::new();
    for thread in numbers(&format!("/proc/{pid}/task"))? {
        let list = read(&format!("/proc/{pid}/task/{thread}/children")).ok()?;
        let list = std::str::from_utf8(&list).ok()?;
        found.extend(
            list.split_ascii_whitespace()
                .filter_map(|id| id.parse::<i32>().ok()),
        );
    }
    Some(found)
}

/// Entries of a directory that are numbers.
fn numbers(directory: &str) -> Option<Vec<i32>> {
    let entries = fs::read_dir(directory).ok()?;
    let number = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
    Some(entries.filter_map(number).collect())
}

/// A file of `/proc`, which has no size to ask for.
fn read(path: &str) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut text = vec![0; 2_048];
    let mut length = 0;
    loop {
        let count = file.read(&mut text[length..])?;
        length += count;
        if count == 0 {
            text.truncate(length);
            return Ok(text);
        }
        if length == text.len() {
            text.resize(2 * length, 0);
        }
    }
}

fn ticks_ns(ticks: u64) -> u64 {
    ticks.saturating_mul(1_000_000_000 / clock_ticks_per_second().max(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_shifts_no_field() {
        let rest = "S 7 8 9 0 -1 4194560 1 2 3 4 50 30 -1 20 20 0 1 0 12345 1 2";
        let parse =
            |name: &str, rest: &str| Stat::parse(format!("42 ({name}) {rest}\n").as_bytes());
        assert_eq!(parse("a) R 1 (b", rest), None, "negative ticks");
        let tick = ticks_ns(1);
        let rest = rest.replace(" -1 20", " 2 20");
        let expected = Stat {
            parent: 7,
            group: 8,
            is_zombie: false,
            started: 12_345,
            own_ns: 80 * tick,
            waited_ns: 22 * tick,
        };
        assert_eq!(parse("a) R 1 (b", &rest), Some(expected));
        let zombie = parse("x", &rest.replacen('S', "Z", 1)).unwrap();
        assert!(zombie.is_zombie);
    }

    #[test]
    fn memory_is_read_in_bytes_and_a_zombie_has_none() {
        let status = b"Name:\tx\nVmHWM:\t    8 kB\nVmRSS:\t    6 kB\n";
        assert_eq!(parse_memory(status), Some((6 << 10, 8 << 10)));
        assert_eq!(
            parse_memory(b"Name:\tVmRSS: 5 kB\nState:\tZ (zombie)\n"),
            None
        );
    }

    #[test]
    fn the_own_process_is_known_and_one_that_is_gone_is_not() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(Stat::read(own).is_some_and(|stat| !stat.is_zombie && stat.started > 0));
        assert!(memory(own).is_some_and(|(now, peak)| now > 0 && peak > 0));
        assert!(all().contains(&own));
        assert_eq!(
            (Stat::read(-1), memory(-1), children(-1)),
            (None, None, None)
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,80}", numbers in prop::collection::vec(any::<i64>(), 0..25)) {
            let numbers: Vec<_> = numbers.iter().map(i64::to_string).collect();
            for text in [text, format!("1 (x) R {}", numbers.join(" "))] {
                let _ = (Stat::parse(text.as_bytes()), parse_memory(text.as_bytes()));
            }
        }
    }
}
