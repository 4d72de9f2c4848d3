//! A value that may be shown in the place of a secret: as long, of the same kinds of characters in the same places, and another one
//! for each secret. It follows from the number of the secret alone and tells nothing of its value. Pure.

use super::find::Kind;
use crate::traffic::random::{below, draw};

/// How often another value is tried where one is taken.
const TRIES: u64 = 200;
/// Tells what is drawn here from what scenarios draw.
const SALT: u64 = 0x057A_4D1A;

/// The value for the secret of this number.
pub(super) fn of(value: &str, kind: Kind, number: u64, is_taken: impl Fn(&str) -> bool) -> String {
    let mut made = String::new();
    for attempt in 0..TRIES {
        let seed = draw(number, attempt, SALT);
        made = match kind {
            Kind::Address => address(value, seed),
            Kind::Mail => mail(value, seed),
            Kind::Credential | Kind::Person => like(value, seed),
        };
        if made != value && !is_taken(&made) {
            break;
        }
    }
    made
}

/// Digits for digits and letters for letters; what divides them stays, and so does what is escaped.
fn like(value: &str, seed: u64) -> String {
    let is_hex = value.len() >= 8
        && value
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let mut made = String::with_capacity(value.len());
    let mut kept = 0;
    let mut chars = value.chars().peekable();
    let mut at = 0;
    while let Some(c) = chars.next() {
        if kept > 0 {
            kept -= 1;
            made.push(c);
            continue;
        }
        at += 1;
        let bits = draw(seed, at, SALT);
        let draw = |first: u8, count: u64| char::from(first + below(bits, count) as u8);
        match c {
            '%' => kept = 2,
            '\\' => kept = if chars.peek() == Some(&'u') { 5 } else { 1 },
            _ => {}
        }
        match c {
            // No number begins with a zero.
            '0'..='9' if value.len() > 1 && made.is_empty() => made.push(draw(b'1', 9)),
            '0'..='9' => made.push(draw(b'0', 10)),
            'a'..='z' if is_hex => made.push(draw(b'a', 6)),
            'A'..='Z' if is_hex => made.push(draw(b'A', 6)),
            'a'..='z' => made.push(draw(b'a', 26)),
            'A'..='Z' => made.push(draw(b'A', 26)),
            c if c.is_ascii() => made.push(c),
            // As long in bytes.
            c => made.extend(std::iter::repeat_n('x', c.len_utf8())),
        }
    }
    made
}

/// An address of the networks that are set aside for benchmarks and for documents.
fn address(value: &str, seed: u64) -> String {
    if value.contains(':') {
        return format!("2001:db8::{:x}:{:x}", seed >> 16 & 0xffff, seed & 0xffff);
    }
    format!(
        "198.{}.{}.{}",
        18 + (seed >> 16 & 1),
        seed >> 8 & 0xff,
        1 + seed % 254
    )
}

/// As long as the address it stands for where that is possible, and of a domain that nobody has.
fn mail(value: &str, seed: u64) -> String {
    let sign = if value.contains('@') { "@" } else { "%40" };
    let (local, domain) = value.split_once(sign).unwrap_or((value, ""));
    let host = domain.len().saturating_sub(".test".len()).max(1);
    format!("{}{sign}{}.test", like(local, seed), "x".repeat(host))
}
