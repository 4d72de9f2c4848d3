//! Names of functions that are the same in two builds of a program.
//!
//! What a compiler adds to a name to tell its own products apart (hashes, disambiguators, numbers of closures and clones) goes,
//! what the programmer wrote stays. It must not merge functions of different names. Rust's legacy mangling has no
//! concrete generics and its v0 mangling does, so builds of different compilers may still differ.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// Marks of clones that GCC and LLVM append as `.mark.N`.
const NUMBERED: [&str; 6] = ["cold", "part", "isra", "constprop", "llvm", "lto_priv"];

/// The name without what differs between builds.
///
/// Demangles Rust symbols; drops `::h<16 hex digits>`, the `[hash]` behind a crate's name, `.llvm.N`, `.cold`, `.part.N`,
/// `.isra.N`, `.constprop.N`, `.lto_priv.N`, `.abi0` and Go's `[go.shape.…]`; writes `{closure#N}` as `{{closure}}` and Go's
/// `.funcN` as `.func`.
pub fn normalise(name: &str) -> Cow<'_, str> {
    let stem = without_clone_suffixes(name);
    let readable = demangled(stem).map_or(Cow::Borrowed(stem), Cow::Owned);
    let readable = match readable {
        Cow::Borrowed(text) => Cow::Borrowed(without_hash(text)),
        Cow::Owned(text) => Cow::Owned(without_hash(&text).to_owned()),
    };
    let numbers_closures = readable.contains(".func") && !readable.contains("::");
    if !numbers_closures && !readable.contains(['[', '{']) {
        return readable;
    }
    let rewritten = rewrite(&readable, numbers_closures);
    if rewritten == *readable {
        readable
    } else {
        Cow::Owned(rewritten)
    }
}

fn without_clone_suffixes(mut name: &str) -> &str {
    while let Some((stem, last)) = name.rsplit_once('.') {
        // In Go `main.cold` is a function; `.cold` of a compiler stands behind a symbol without a package's path.
        let of_go = stem == "main" || stem.contains('/') || stem.ends_with(')');
        if stem.is_empty() {
            break;
        }
        if last == "abi0" || (last == "cold" && !of_go) {
            name = stem;
            continue;
        }
        let numbered = !last.is_empty() && last.bytes().all(|digit| digit.is_ascii_hexdigit());
        match stem.rsplit_once('.') {
            Some((shorter, clone))
                if numbered && !shorter.is_empty() && NUMBERED.contains(&clone) =>
            {
                name = shorter
            }
            _ => break,
        }
    }
    name
}

/// A Rust symbol in readable form without hashes; `None` for anything else.
fn demangled(symbol: &str) -> Option<String> {
    let prefixes = ["_ZN", "__ZN", "ZN", "_R", "__R", "R"];
    if !prefixes.iter().any(|prefix| symbol.starts_with(prefix)) {
        return None;
    }
    let demangled = rustc_demangle::try_demangle(symbol).ok()?;
    // Back-references of the v0 mangling let a hundred bytes stand for a megabyte.
    let mut text = Bounded {
        text: String::new(),
        limit: 1024 + 8 * symbol.len(),
    };
    write!(text, "{demangled:#}").ok()?;
    Some(text.text)
}

struct Bounded {
    text: String,
    limit: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        if self.text.len() + part.len() > self.limit {
            return Err(fmt::Error);
        }
        self.text.push_str(part);
        Ok(())
    }
}

fn without_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((stem, hash))
            if hash.len() == 16 && hash.bytes().all(|digit| digit.is_ascii_hexdigit()) =>
        {
            stem
        }
        _ => name,
    }
}

fn rewrite(name: &str, numbers_closures: bool) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    let mut rest = name;
    while let Some(at) = rest.find(['[', '{', '.']) {
        let (before, tail) = rest.split_at(at);
        out.push_str(before);
        let skipped = match tail.as_bytes()[0] {
            b'[' => build_brackets(
                tail,
                out.ends_with(|c: char| c.is_alphanumeric() || c == '_'),
            ),
            b'{' => numbered_braces(tail).map(|(kind, length)| {
                out.push_str("{{");
                out.push_str(kind);
                out.push_str("}}");
                length
            }),
            _ if numbers_closures => numbered_func(tail).inspect(|_| out.push_str(".func")),
            _ => None,
        };
        let skipped = skipped.unwrap_or_else(|| {
            out.push_str(&tail[..1]);
            1
        });
        rest = &tail[skipped..];
    }
    out.push_str(rest);
    out
}

/// The length of `[0123456789abcdef]` behind a name, or of `[go.shape.…]` and `[...]` with what they nest.
fn build_brackets(tail: &str, behind_name: bool) -> Option<usize> {
    let inner = &tail[1..];
    let close = inner.find(']')?;
    let hash = &inner[..close];
    if behind_name
        && (8..=16).contains(&hash.len())
        && hash.bytes().all(|digit| digit.is_ascii_hexdigit())
    {
        return Some(close + 2);
    }
    if hash != "..." && !inner.starts_with("go.shape.") {
        return None;
    }
    let mut depth = 0_usize;
    for (at, c) in tail.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

/// `{closure#12}`: its kind and length.
fn numbered_braces(tail: &str) -> Option<(&str, usize)> {
    let (inner, _) = tail[1..].split_once('}')?;
    let (kind, number) = inner.split_once('#')?;
    let word = !kind.is_empty() && kind.bytes().all(|c| c.is_ascii_alphabetic() || c == b'_');
    let digits = !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit());
    (word && digits).then_some((kind, inner.len() + 2))
}

/// The length of `.func1` or `.func1.2`.
fn numbered_func(tail: &str) -> Option<usize> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut length = ".func".len();
    let first = digits(tail.strip_prefix(".func")?);
    length += first;
    while let Some(inner) = tail[length..].strip_prefix('.') {
        match digits(inner) {
            0 => break,
            n => length += n + 1,
        }
    }
    let ends = !tail[length..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
    (first > 0 && ends).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: &str) {
        assert_eq!(normalise(name), expected);
        assert_eq!(
            normalise(expected),
            expected,
            "a normalised name stays as it is"
        );
    }

    #[test]
    fn names_of_two_builds_agree() {
        for (name, expected) in [
            // Rust, legacy mangling
            ("_ZN6bcrypt6bcrypt17h05af221e174051e9E", "bcrypt::bcrypt"),
            (
                "_ZN6bcrypt6bcrypt17h05af221e174051e9E.llvm.8429101741883345417",
                "bcrypt::bcrypt",
            ),
            (
                "_ZN4core3ptr13drop_in_place17h05af221e174051e9E.cold",
                "core::ptr::drop_in_place",
            ),
            (
                "_ZN4main3run28_$u7b$$u7b$closure$u7d$$u7d$17h05af221e174051e9E",
                "main::run::{{closure}}",
            ),
            ("bcrypt::bcrypt::h05af221e174051e9", "bcrypt::bcrypt"),
            (
                "bcrypt::hash::h05af221e174051e",
                "bcrypt::hash::h05af221e174051e",
            ),
            ("bcrypt::hash", "bcrypt::hash"),
            // Rust, v0 mangling
            ("_RNvCs1234_7mycrate3foo", "mycrate::foo"),
            ("_RNCNvCs1234_7mycrate3foo0", "mycrate::foo::{{closure}}"),
            (
                "mycrate[1f2e3d4c5b6a7988]::foo::{closure#12}",
                "mycrate::foo::{{closure}}",
            ),
            (
                "<core[0123456789abcdef]::option::Option<u8>>::map",
                "<core::option::Option<u8>>::map",
            ),
            ("a::{closure#0}::{closure#1}", "a::{{closure}}::{{closure}}"),
            ("a::{impl#3}::f", "a::{{impl}}::f"),
            // Arrays and closures that are no numbers stay
            ("<[u8; 8] as Clone>::clone", "<[u8; 8] as Clone>::clone"),
            ("f::<[deadbeef; 2]>", "f::<[deadbeef; 2]>"),
            ("a::{{closure}}", "a::{{closure}}"),
            ("a::{closure#}", "a::{closure#}"),
            ("a::{", "a::{"),
            // C and C++
            ("memcpy", "memcpy"),
            ("handle.cold", "handle"),
            ("handle.cold.3", "handle"),
            ("handle.part.0.isra.7.constprop.2.cold", "handle"),
            ("handle.llvm.8A1F", "handle"),
            ("handle.lto_priv.0", "handle"),
            ("_ZN3foo3barEv", "_ZN3foo3barEv"),
            (
                "std::vector<int>::push_back(int&&)",
                "std::vector<int>::push_back(int&&)",
            ),
            // Go
            ("main.main", "main.main"),
            ("main.cold", "main.cold"),
            ("example.com/a/b.cold", "example.com/a/b.cold"),
            ("runtime.memmove.abi0", "runtime.memmove"),
            ("main.Map[go.shape.int]", "main.Map"),
            (
                "main.Map[go.shape.map[string]int,go.shape.[]uint8].func1",
                "main.Map.func",
            ),
            ("slices.SortFunc[...]", "slices.SortFunc"),
            ("main.(*Server).Run.func2.1", "main.(*Server).Run.func"),
            ("main.Map[int]", "main.Map[int]"),
            ("main.func1x", "main.func1x"),
            ("main.Map[go.shape.int", "main.Map[go.shape.int"),
            // Anything else
            ("", ""),
            (".", "."),
            (".cold", ".cold"),
            ("libc.so.6+0x1234", "libc.so.6+0x1234"),
            ("функция.cold", "функция"),
        ] {
            check(name, expected);
        }
    }

    #[test]
    fn a_name_that_unfolds_to_megabytes_stays_as_it_is() {
        // Each tuple holds the one before it twice by reference: 2^k types from a few bytes each.
        let mut symbol = String::from("_RIC0");
        let mut previous = String::from("h");
        for _ in 0..40 {
            let at = symbol.len() - 2;
            symbol.push('T');
            symbol.push_str(&previous);
            symbol.push_str(&previous);
            symbol.push('E');
            previous = format!("B{}_", base_62(at));
        }
        symbol.push('E');
        let whole = format!("{:#}", rustc_demangle::demangle(&symbol));
        assert!(
            whole.len() > 100_000,
            "the symbol does unfold: {}",
            whole.len()
        );
        assert!(normalise(&symbol).len() <= 1024 + 8 * symbol.len());
    }

    /// The mangling's numbers: nothing is 0, and `_` alone; else the digits of n - 1.
    fn base_62(n: usize) -> String {
        let Some(mut n) = n.checked_sub(1) else {
            return String::new();
        };
        let mut digits = Vec::new();
        loop {
            digits.push(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[n % 62]);
            n /= 62;
            if n == 0 {
                break;
            }
        }
        digits.reverse();
        String::from_utf8(digits).expect("digits are ASCII")
    }
}
