//! Names of functions that are the same in two builds and two runs of a program.
//!
//! What a compiler adds to a name to tell its own products apart (hashes, disambiguators, numbers of closures and clones) goes,
//! what the programmer wrote stays. It must not merge functions of different names. Rust's legacy mangling has no
//! concrete generics and its v0 mangling does, so builds of different compilers may still differ.

use std::borrow::Cow;
use std::fmt::{self, Write};

use super::runs;

/// Names above this length in bytes stay as they are: no compiler's clone is told from another in them.
const LONGEST: usize = 16 << 10;

/// Marks of clones that GCC and LLVM append as `.mark.N`, and of names that LLVM makes unique.
const NUMBERED: [&str; 8] = [
    "cold",
    "part",
    "isra",
    "constprop",
    "llvm",
    "lto_priv",
    "localalias",
    "__uniq",
];

/// Marks of functions that Go's compiler numbers in their order; of nested ones `.N` follows.
const OF_GO: [&str; 4] = [".func", ".gowrap", ".deferwrap", "-range"];

/// Bytes in which `[hash]` and `{kind#N}` end.
const HASH: usize = 18;
const BRACES: usize = 64;

/// Passes in which a name settles: what a demangler writes may have to be looked at again.
const PASSES: usize = 4;

/// The name without what differs between builds; normalised again, it stays as it is.
///
/// Demangles Rust symbols; drops `::h<16 hex digits>`, the `[hash]` behind a crate's name, `.llvm.N`, `.cold`, `.part.N`,
/// `.isra.N`, `.constprop.N`, `.lto_priv.N`, `.localalias`, `.__uniq.N`, each also as `[clone .part.N]`, `<16 hex digits>` of an address, the `.N` of link-time
/// optimisation behind a Rust name, `.abi0` and Go's `[go.shape.…]`; writes `{closure#N}` as `{{closure}}` and Go's `.funcN`,
/// `.gowrapN`, `.deferwrapN` and `-rangeN` without the number. Names above 16 KiB stay as they are.
pub fn normalise(name: &str) -> Cow<'_, str> {
    let mut settled = pass(name);
    for _ in 0..PASSES {
        let again = match pass(&settled) {
            again if *again == *settled => None,
            again => Some(again.into_owned()),
        };
        match again {
            Some(again) if again.len() <= longest_of(name) => settled = Cow::Owned(again),
            Some(_) => break,
            None => return settled,
        }
    }
    Cow::Borrowed(name)
}

fn pass(name: &str) -> Cow<'_, str> {
    if name.len() > LONGEST {
        return Cow::Borrowed(name);
    }
    let stem = match runs::settled(name) {
        Cow::Borrowed(settled) => Cow::Borrowed(without_clone_suffixes(settled)),
        Cow::Owned(settled) => Cow::Owned(without_clone_suffixes(&settled).to_owned()),
    };
    let readable = demangled(&stem).map_or(stem, Cow::Owned);
    let readable = match readable {
        Cow::Borrowed(text) => Cow::Borrowed(without_hash(text)),
        Cow::Owned(text) => Cow::Owned(without_hash(&text).to_owned()),
    };
    let of_go = !readable.contains("::") && OF_GO.iter().any(|mark| readable.contains(mark));
    if !of_go && !readable.contains(['[', '{']) {
        return readable;
    }
    let rewritten = rewrite(&readable, of_go);
    if rewritten == *readable {
        readable
    } else {
        Cow::Owned(rewritten)
    }
}

/// The name without ends that tell clones of one function apart.
fn without_clone_suffixes(mut name: &str) -> &str {
    let of_rust = demangled_by_library(name).is_some() || name.contains("::");
    // In Go `main.cold` is a function; `.cold` of a compiler stands behind a symbol without a package's path.
    let path_of_go = name.contains('/') && !of_rust;
    loop {
        let stem = without_address(name)
            .or_else(|| without_bracketed_clone(name))
            .or_else(|| without_clone_suffix(name, of_rust, path_of_go));
        match stem {
            Some(stem) if !stem.is_empty() => name = stem,
            _ => return name,
        }
    }
}

/// Without `<000000000000117c>`, which jeprof and gperftools' pprof append: an address begins with zeros, a number of a template does not.
fn without_address(name: &str) -> Option<&str> {
    let (stem, address) = name.strip_suffix('>')?.rsplit_once('<')?;
    let is_address = address.len() == 16
        && address.starts_with("0000")
        && address.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_address.then_some(stem)
}

/// Without `[clone .part.0]`, as GNU's demangler has it, and `(.part.0)`, as LLVM's has it.
fn without_bracketed_clone(name: &str) -> Option<&str> {
    let (stem, clone) = match name.strip_suffix(']') {
        Some(inner) => inner.rsplit_once(" [clone ")?,
        None => name.strip_suffix(')')?.rsplit_once(" (")?,
    };
    let known = |mut marks: &str| {
        while let Some(stem) = without_clone_suffix(marks, true, false) {
            marks = stem;
        }
        marks.is_empty()
    };
    (clone.starts_with('.') && known(clone)).then_some(stem)
}

/// Without the last `.mark`, `.mark.N` or, behind a name of Rust's, `.N`.
fn without_clone_suffix(name: &str, of_rust: bool, path_of_go: bool) -> Option<&str> {
    let (stem, last) = name.rsplit_once('.')?;
    let of_go = path_of_go || stem == "main" || stem.ends_with(')');
    if last == "abi0" || (matches!(last, "cold" | "localalias") && !of_go) {
        return Some(stem);
    }
    let digits = |digit: fn(&u8) -> bool| !last.is_empty() && last.bytes().all(|c| digit(&c));
    if digits(u8::is_ascii_hexdigit)
        && let Some((shorter, mark)) = stem.rsplit_once('.')
        && NUMBERED.contains(&mark)
    {
        return Some(shorter);
    }
    (of_rust && digits(u8::is_ascii_digit)).then_some(stem)
}

/// A Rust symbol in readable form without hashes; `None` for anything else.
fn demangled(symbol: &str) -> Option<String> {
    let demangled = demangled_by_library(symbol)?;
    // Back-references of the v0 mangling let a hundred bytes stand for a megabyte.
    let mut text = Bounded {
        text: String::new(),
        limit: longest_of(symbol),
    };
    write!(text, "{demangled:#}").ok()?;
    Some(text.text)
}

fn demangled_by_library(symbol: &str) -> Option<rustc_demangle::Demangle<'_>> {
    // The library also takes symbols without their underscore, and then `RC4_test` for a crate's `test`.
    let prefixes = ["_ZN", "__ZN", "_R", "__R"];
    if !prefixes.iter().any(|prefix| symbol.starts_with(prefix)) {
        return None;
    }
    rustc_demangle::try_demangle(symbol).ok()
}

/// The length in bytes up to which a name may unfold.
fn longest_of(name: &str) -> usize {
    1024 + 8 * name.len()
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

/// Drops brackets and numbers of a build in time linear in the name.
fn rewrite(name: &str, of_go: bool) -> String {
    let closings = closings(name);
    let mut out = String::with_capacity(name.len() + 8);
    let mut rest = name;
    while let Some(at) = rest.find(['[', '{', '.', '-']) {
        let (before, tail) = rest.split_at(at);
        out.push_str(before);
        let skipped = match tail.as_bytes()[0] {
            b'[' => {
                let behind_name = out.ends_with(|c: char| c.is_alphanumeric() || c == '_');
                hash_brackets(tail, behind_name).or_else(|| {
                    let place = name.len() - tail.len();
                    generic_brackets(tail, || closings.get(place).copied().flatten())
                })
            }
            b'{' => numbered_braces(tail).map(|(kind, length)| {
                out.push_str("{{");
                out.push_str(kind);
                out.push_str("}}");
                length
            }),
            _ if of_go => numbered_of_go(tail).map(|(mark, length)| {
                out.push_str(mark);
                length
            }),
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

/// Of each byte that opens a bracket the length up to the one that closes it, if there is one; nothing for a name without Go's shapes.
fn closings(name: &str) -> Vec<Option<usize>> {
    if !name.contains("[go.shape.") {
        return Vec::new();
    }
    let mut closings = vec![None; name.len()];
    let mut open = Vec::new();
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'[' => open.push(at),
            b']' => {
                if let Some(opened) = open.pop() {
                    closings[opened] = Some(at + 1 - opened);
                }
            }
            _ => {}
        }
    }
    closings
}

/// The length of `[0123456789abcdef]` behind a name.
fn hash_brackets(tail: &str, behind_name: bool) -> Option<usize> {
    let inner = &tail.as_bytes()[1..];
    let close = inner.iter().take(HASH).position(|byte| *byte == b']')?;
    let hash = behind_name
        && (8..=16).contains(&close)
        && inner[..close].iter().all(u8::is_ascii_hexdigit);
    hash.then_some(close + 2)
}

/// The length of `[...]`, or of `[go.shape.…]` with what it nests.
fn generic_brackets(tail: &str, closing: impl Fn() -> Option<usize>) -> Option<usize> {
    if tail.starts_with("[...]") {
        return Some("[...]".len());
    }
    if tail.starts_with("[go.shape.") {
        return closing();
    }
    None
}

/// `{closure#12}`: its kind and length.
fn numbered_braces(tail: &str) -> Option<(&str, usize)> {
    let inside = tail.as_bytes()[1..].iter().take(BRACES);
    let inner = &tail[1..=inside.clone().position(|byte| *byte == b'}')?];
    let (kind, number) = inner.split_once('#')?;
    let word = !kind.is_empty() && kind.bytes().all(|c| c.is_ascii_alphabetic() || c == b'_');
    let digits = !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit());
    (word && digits).then_some((kind, inner.len() + 2))
}

/// `.func1` or `.func1.2`: its mark and length.
fn numbered_of_go(tail: &str) -> Option<(&'static str, usize)> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mark = *OF_GO.iter().find(|mark| tail.starts_with(**mark))?;
    let first = digits(&tail[mark.len()..]);
    let mut length = mark.len() + first;
    while let Some(inner) = tail[length..].strip_prefix('.') {
        match digits(inner) {
            0 => break,
            n => length += n + 1,
        }
    }
    let ends = !tail[length..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
    (first > 0 && ends).then_some((mark, length))
}

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;
