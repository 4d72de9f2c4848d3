//! Names of functions that are the same in two builds of a program.
//!
//! What a compiler adds to a name to tell its own products apart (hashes, disambiguators, numbers of closures and clones) goes,
//! what the programmer wrote stays. It must not merge functions of different names. Rust's legacy mangling has no
//! concrete generics and its v0 mangling does, so builds of different compilers may still differ.

use std::borrow::Cow;
use std::fmt::{self, Write};

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
/// `.isra.N`, `.constprop.N`, `.lto_priv.N`, `.localalias`, `.__uniq.N`, each also as `[clone .part.N]`, the `.N` of link-time
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
    let stem = without_clone_suffixes(name);
    let readable = demangled(stem).map_or(Cow::Borrowed(stem), Cow::Owned);
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
        let stem = without_bracketed_clone(name)
            .or_else(|| without_clone_suffix(name, of_rust, path_of_go));
        match stem {
            Some(stem) if !stem.is_empty() => name = stem,
            _ => return name,
        }
    }
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
            // Numbers of link-time optimisation
            (
                "_ZN6bcrypt6bcrypt17h05af221e174051e9E.26785",
                "bcrypt::bcrypt",
            ),
            (
                "_ZN6bcrypt6bcrypt17h05af221e174051e9E.llvm.842.26785.cold.1",
                "bcrypt::bcrypt",
            ),
            ("_RNvCs1234_7mycrate3foo.26785", "mycrate::foo"),
            (
                "auth::Authenticator::check::{{closure}}.26785",
                "auth::Authenticator::check::{{closure}}",
            ),
            ("auth::check::h05af221e174051e9.7.8", "auth::check"),
            ("counter.26785", "counter.26785"),
            // What looks like a symbol and is none
            ("RC4_test", "RC4_test"),
            ("ZN3foo3barE", "ZN3foo3barE"),
            // C and C++
            ("foo(int) [clone .part.0]", "foo(int)"),
            ("foo(int) [clone .isra.0.part.1] [clone .cold]", "foo(int)"),
            ("ns::foo(int) [clone .cold]", "ns::foo(int)"),
            ("foo(int) (.llvm.123)", "foo(int)"),
            ("foo(int) [clone .avx2]", "foo(int) [clone .avx2]"),
            ("foo(int) [clone ._omp_fn.0]", "foo(int) [clone ._omp_fn.0]"),
            ("foo (bar)", "foo (bar)"),
            ("x.__uniq.123456789012345678901", "x"),
            ("x.__uniq.123.llvm.456", "x"),
            ("foo.localalias", "foo"),
            ("foo.localalias.3", "foo"),
            ("main.localalias", "main.localalias"),
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
            ("main.serve.gowrap1", "main.serve.gowrap"),
            ("main.serve.func1.deferwrap2", "main.serve.func.deferwrap"),
            ("main.Keys[...].func1-range2", "main.Keys.func-range"),
            ("main.(*T).All-range3.func1", "main.(*T).All-range.func"),
            ("main.serve.gowrap", "main.serve.gowrap"),
            ("a-range1::b", "a-range1::b"),
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
    fn large_hostile_names_take_linear_time() {
        for part in [
            "[",
            "{",
            "[go.shape.",
            "{closure#",
            ".func1.1",
            "-range",
            "[go.shape.]",
        ] {
            let name = part.repeat((1 << 20) / part.len());
            assert!(rewrite(&name, true).len() <= 2 * name.len());
            assert_eq!(normalise(&name), name, "beyond the length of any real name");
        }
        for part in [
            "[",
            ".cold",
            ".1",
            ".part.0",
            " [clone .cold]",
            "[go.shape.",
            "a::",
        ] {
            let name = "a::b".to_owned() + &part.repeat((LONGEST - 4) / part.len());
            for _ in 0..10 {
                assert!(normalise(&name).len() <= longest_of(&name));
            }
        }
    }

    #[test]
    fn a_name_that_does_not_settle_stays_as_it_is() {
        // Each pass finds a suffix behind the one that the pass before it took.
        let mut name = "main.f".to_owned();
        for _ in 0..20 {
            name = name.replace(".f", ".fu[...]nc1.f");
        }
        check(&normalise(&name), &normalise(&name));
        let nested = (0..20).fold("..".to_owned(), |inner, _| format!("[.{inner}]"));
        let name = format!("main.f{}", nested.replace("[.", "[...[."));
        check(&normalise(&name), &normalise(&name));
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
