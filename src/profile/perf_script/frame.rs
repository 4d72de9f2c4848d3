//! A line of a stack, `address symbol+offset (module)`, and the names of the frames that it stands for.
//!
//! Symbols and modules hold blanks, parentheses and arrows of their own. Nothing of a name may be lost but the list of arguments.

use std::borrow::Cow;

/// What a line of a stack is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Line<'a> {
    /// A frame; the module is empty if it was not printed.
    Frame {
        /// The symbol without its offset, `[unknown]`, or an address.
        symbol: &'a str,
        /// The file or what stands for it.
        module: &'a str,
    },
    /// The place in the source of the frame before (`-F +srcline`).
    Source,
    /// Something else.
    Unread,
}

/// Reads a line of a stack.
pub(super) fn parse(line: &str) -> Line<'_> {
    let text = line.trim();
    let (first, rest) = match text.split_once([' ', '\t']) {
        Some((first, rest)) => (first, rest.trim_start()),
        None => (text, ""),
    };
    if !is_address(first) {
        return match split_module(text) {
            Some((symbol, module)) if !symbol.is_empty() => frame(symbol, module),
            _ if is_source(text) || is_place(text) => Line::Source,
            _ => Line::Unread,
        };
    }
    if rest.is_empty() {
        return frame(first, "");
    }
    match split_module(rest) {
        Some((symbol, module)) => frame(symbol, module),
        None => frame(rest, ""),
    }
}

/// What stands in the place of a source line that is not known: a module and an address in it.
fn is_place(text: &str) -> bool {
    let place = text
        .strip_suffix(']')
        .and_then(|text| text.rsplit_once('['));
    place.is_some_and(|(module, at)| {
        let is_module = !module.contains([' ', '\t']) || module.starts_with("[JIT] tid ");
        !module.is_empty() && is_module && is_address(at)
    })
}

/// Whether a line is a frame without a module, as `-F ip,sym` and `-F ip` print it.
pub(super) fn without_module(line: &str) -> bool {
    let text = line.trim();
    let is_indented = line.starts_with(['\t', ' ']);
    let Some((address, symbol)) = text.split_once(' ') else {
        // Without a symbol, as `-F ip` prints it; a number has no letter.
        let has_letter = text.bytes().any(|byte| byte.is_ascii_alphabetic());
        return is_indented && text.len() >= 6 && has_letter && is_address(text);
    };
    is_indented && address.len() >= 4 && is_address(address) && !symbol.contains([' ', ';'])
}

/// A frame that stands behind a header: it has an address and a module, which what tracepoints say of themselves has not.
pub(super) fn behind_header(rest: &str) -> bool {
    let text = rest.trim();
    let address = text.split([' ', '\t']).next().is_some_and(is_address);
    address
        && text.ends_with(')')
        && matches!(parse(text), Line::Frame { module, .. } if !module.is_empty())
}

/// The same without a module (`-F ip,sym`): the address is padded as perf pads it, to a width of 16. What stands behind the address that an event
/// is of (`-F +addr,+weight,+data_src`) is no symbol.
pub(super) fn is_bare(rest: &str) -> bool {
    let text = rest.trim_start_matches(' ');
    let (address, symbol) = text.split_once(' ').unwrap_or((text, ""));
    let width = rest.len() - text.len() + address.len();
    let is_symbol = symbol
        .trim_start()
        .starts_with(|first: char| !first.is_ascii_digit() && first != '|');
    width >= 16 && address.len() >= 4 && is_address(address) && is_symbol
}

/// A frame that stands behind the name of a thread, and its number perhaps.
pub(super) fn behind_thread(line: &str) -> bool {
    let words = line.split(' ').filter(|word| !word.is_empty());
    words.skip(1).any(|word| {
        let at = word.as_ptr().addr() - line.as_ptr().addr();
        let begin = line[..at].trim_end_matches(' ').len();
        is_bare(&line[begin..])
    })
}

fn frame<'a>(symbol: &'a str, module: &'a str) -> Line<'a> {
    let symbol = match symbol.rsplit_once("+0x") {
        Some((name, offset)) if !name.is_empty() && is_hex(offset) => name,
        _ => symbol,
    };
    let symbol = if symbol.is_empty() {
        "[unknown]"
    } else {
        symbol
    };
    // The place in the file (`-F +dsoff`).
    let place = module.rsplit_once("+0x").filter(|(_, place)| is_hex(place));
    let module = place.map_or(module, |(module, _)| module);
    Line::Frame { symbol, module }
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_hex_digit)
}

fn is_hex_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

pub(super) fn is_address(token: &str) -> bool {
    let token = token.strip_prefix("0x").unwrap_or(token);
    token.len() <= 16 && is_hex(token)
}

/// `file.c:12`, and a line of the source behind it.
fn is_source(text: &str) -> bool {
    let place = text.split([' ', '\t']).next().unwrap_or(text);
    place
        .rsplit_once(':')
        .is_some_and(|(_, line)| !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Symbol and module of `symbol+0x1f (module)`.
fn split_module(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_suffix(')')?;
    let at = behind_offset(inside)
        .or_else(|| inside.find(" (/"))
        .or_else(|| opening(text))
        .or_else(|| inside.rfind(" ("))
        .or_else(|| inside.starts_with('(').then_some(0))?;
    let module = inside[at..]
        .trim_start_matches([' ', '\t'])
        .strip_prefix('(')?;
    Some((text[..at].trim_end(), module))
}

/// Where the module begins if an offset stands before it.
fn behind_offset(text: &str) -> Option<usize> {
    let mut places = text.match_indices("+0x").map(|(at, mark)| {
        let offset = at + mark.len();
        let digits = text[offset..]
            .bytes()
            .take_while(|byte| is_hex_digit(*byte))
            .count();
        (digits, offset + digits)
    });
    places.find_map(|(digits, end)| (digits > 0 && text[end..].starts_with(" (")).then_some(end))
}

/// Where the parenthesis opens that the last byte closes, and the blanks before it begin.
fn opening(text: &str) -> Option<usize> {
    let at = matching(text)?;
    let before = text[..at].trim_end_matches([' ', '\t']).len();
    (before < at || at == 0).then_some(before)
}

/// Where the parenthesis opens that the last byte closes.
fn matching(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate().rev() {
        match byte {
            b')' => depth += 1,
            b'(' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// The names that a frame stands for, the innermost first: more than one where Java's inlined methods are joined by arrows.
pub(super) fn names(symbol: &str, module: &str, mut each: impl FnMut(&str)) {
    if symbol == "[unknown]" {
        each(&unknown(module));
        return;
    }
    if symbol.contains("->") && is_inlining(symbol, module) {
        let (outermost, inlined) = symbol.split_once("->").unwrap_or((symbol, ""));
        for part in inlined.rsplit("->") {
            each(&format!("{}_[i]", tidy(part)));
        }
        each(&tidy(outermost));
        return;
    }
    let is_no_name = symbol.len() > 4 || symbol.starts_with(|first: char| first.is_ascii_digit());
    if is_address(symbol) && module.is_empty() && is_no_name {
        each(&format!("0x{}", symbol.trim_start_matches("0x")));
        return;
    }
    each(&tidy(symbol));
}

/// What a place without a symbol is called: the file, which alone is the same in two runs.
fn unknown(module: &str) -> Cow<'_, str> {
    let module = module.strip_suffix(" (deleted)").unwrap_or(module);
    if module.is_empty() || module == "[unknown]" {
        return Cow::Borrowed("[unknown]");
    }
    if module.starts_with('[') {
        return Cow::Borrowed(module);
    }
    if is_perf_map(module) {
        return Cow::Borrowed("[perf-PID.map]");
    }
    let file = module.rsplit('/').next().unwrap_or(module);
    Cow::Owned(format!("[{}]", if file.is_empty() { module } else { file }))
}

fn is_perf_map(module: &str) -> bool {
    let file = module.rsplit('/').next().unwrap_or(module);
    file.starts_with("perf-") && file.ends_with(".map")
}

/// Whether arrows join Java's methods (`Lcom/a/B;::c->Lcom/a/D;::e`): elsewhere they belong to a name.
fn is_inlining(symbol: &str, module: &str) -> bool {
    let method = |part: &str| {
        part.split_once("::").is_some_and(|(class, method)| {
            let is_plain =
                !class.is_empty() && !method.is_empty() && !part.contains([' ', '(', '<']);
            is_plain && method != "operator"
        })
    };
    let mut parts = symbol.split("->");
    if descriptor(symbol).is_some() {
        return parts.all(|part| descriptor(part).is_some());
    }
    is_perf_map(module) && parts.all(method)
}

/// `com/a/B;::c` of the method `Lcom/a/B;::c`, as Java's machine writes the class of one.
fn descriptor(name: &str) -> Option<&str> {
    let rest = name.strip_prefix('L')?;
    let (class, _) = rest.split_once(';')?;
    let is_class = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '/' | '.' | '-');
    (!class.is_empty() && class.chars().all(is_class)).then_some(rest)
}

/// The name without its list of arguments; `L` and `;` of Java's descriptors go.
fn tidy(symbol: &str) -> Cow<'_, str> {
    let name = without_arguments(symbol);
    if !name.contains(';') {
        return Cow::Borrowed(name);
    }
    Cow::Owned(descriptor(name).unwrap_or(name).replace(';', ":"))
}

/// What may stand behind a list of arguments.
const QUALIFIERS: [&str; 6] = [
    " const",
    " volatile",
    " &",
    " &&",
    " noexcept",
    "[abi:cxx11]",
];

/// `std::f` for `std::f(int (*)(long)) const`. Parentheses that are part of a name stay: `(anonymous namespace)`, `operator()`, Go's `(*T)`.
fn without_arguments(symbol: &str) -> &str {
    let mut whole = symbol;
    loop {
        let rest = without_qualifiers(whole);
        if !rest.ends_with(')') {
            return whole;
        }
        let Some(at) = matching(rest) else {
            return whole;
        };
        let (before, group) = rest.split_at(at);
        if group.starts_with("(.") && before.ends_with(' ') {
            // LLVM's demangler: `f(int) (.cold)`.
            whole = before.trim_end();
            continue;
        }
        let of_name = before.is_empty()
            || before.ends_with([' ', ':', '.', '/', '<', ',', '&', '*'])
            || (group == "()" && before.ends_with("operator"));
        return if of_name { whole } else { before };
    }
}

fn without_qualifiers(symbol: &str) -> &str {
    let mut rest = symbol;
    loop {
        let clone = rest
            .strip_suffix(']')
            .and_then(|inner| inner.rsplit_once(" [clone "))
            .map(|(stem, _)| stem);
        match clone.or_else(|| QUALIFIERS.iter().find_map(|end| rest.strip_suffix(end))) {
            Some(stem) => rest = stem,
            None => return rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &[&str]) {
        let mut got = Vec::new();
        if let Line::Frame { symbol, module } = parse(line) {
            names(symbol, module, |name| got.push(name.to_owned()));
        }
        assert_eq!(got, expected, "{line}");
    }

    /// Lines, and the one name that each stands for.
    const NAMES: &[(&str, &str)] = &[
        (
            "\t5510 (anonymous namespace)::Cache::lookup(int)+0x10 (/srv/api)",
            "(anonymous namespace)::Cache::lookup",
        ),
        (
            "\t5510 a::(anonymous namespace)::f(int, (anonymous namespace)::T)+0x1 (/srv/api)",
            "a::(anonymous namespace)::f",
        ),
        (
            "\t5510 std::unique_ptr<A>::operator->() const+0x5 (/srv/api)",
            "std::unique_ptr<A>::operator->",
        ),
        (
            "\t5510 A::operator()(int) const (/srv/api)",
            "A::operator()",
        ),
        ("\t5510 A::operator() (/srv/api)", "A::operator()"),
        (
            "\t5510 std::function<void (int)>::operator()(int) const+0x5 (/srv/api)",
            "std::function<void (int)>::operator()",
        ),
        (
            "\t5520 <fn() -> u8 as core::ops::function::FnOnce<()>>::call_once+0x5 (/srv/api)",
            "<fn() -> u8 as core::ops::function::FnOnce<()>>::call_once",
        ),
        ("\t5520 <(A, B) as T>::f (/srv/api)", "<(A, B) as T>::f"),
        (
            "\t5510 net/http.(*conn).serve+0x1 (/srv/api)",
            "net/http.(*conn).serve",
        ),
        ("\t5510 f(int) [clone .part.0]+0x1 (/srv/api)", "f"),
        ("\t5510 f(int) (.cold)+0x1 (/srv/api)", "f"),
        (
            "\t5510 void A::g<int>(std::pair<int, (B)2>) const &+0x1 (/srv/api)",
            "void A::g<int>",
        ),
        (
            "\t5510 java.lang.String.hashCode ([JIT app cache])",
            "java.lang.String.hashCode",
        ),
        ("\t5520 work+0x10 (/srv/my app/api)", "work"),
        (
            "\t5520 work+0x10 (/srv/my (old) app/a)pi (deleted))",
            "work",
        ),
        ("\t5520 f() (/srv/my app/api (deleted))", "f"),
        ("\t5520 f (/srv/my (app)", "f"),
        (
            "        b3cea6c4\tILock::unlock() (/system/lib/libc.so)",
            "ILock::unlock",
        ),
        (
            "\t13a8 LazyCompile:~body_0 evalmachine.<anonymous>:1 (/tmp/perf-7.map)",
            "LazyCompile:~body_0 evalmachine.<anonymous>:1",
        ),
        (
            "\t13a8 RegExp:[&<>\\\"\\'] (/tmp/perf-7.map)",
            "RegExp:[&<>\\\"\\']",
        ),
        (
            "\t13a8 py::<lambda>:/a b/c.py (/tmp/perf-7.map)",
            "py::<lambda>:/a b/c.py",
        ),
        ("\t5510 inner (inlined)", "inner"),
        ("\t5510 main+0x1", "main"),
        ("\t55d0c0", "0x55d0c0"),
        ("\tmain+0x1 (/srv/api)", "main"),
        (
            "\tffffffffad135f6f [unknown] ([kernel.kallsyms])",
            "[kernel.kallsyms]",
        ),
        (
            "\t7f00 [unknown] (/usr/lib/libc.so.6 (deleted))",
            "[libc.so.6]",
        ),
        ("\t7f00 [unknown] (/tmp/perf-4242.map)", "[perf-PID.map]"),
        ("\t7f00 [unknown] (//anon)", "[anon]"),
        ("\t7f00 [unknown] ([unknown])", "[unknown]"),
        (
            "\t51ab0 [unknown] (/usr/lib/libc.so.6+0x51ab0)",
            "[libc.so.6]",
        ),
        ("\t27249 start+0x79 (/usr/lib/libc.so.6+0x27249)", "start"),
        ("\t7f00 (/srv/api)", "[api]"),
        (
            "\t7f00 Lorg/a/B;.getSlot (/tmp/perf-7.map)",
            "org/a/B:.getSlot",
        ),
        ("\t7f00 Lib::f<[u8; 8]>::g (/srv/api)", "Lib::f<[u8: 8]>::g"),
    ];

    #[test]
    fn names_keep_what_is_theirs() {
        for (line, name) in NAMES.iter().copied() {
            check(line, &[name]);
        }
    }

    #[test]
    fn arrows_of_java_alone_join_frames() {
        check(
            "\t5510 Ljava/io/A;::b->Ljava/io/C;::d->Ljava/io/E;::<init>+0x4 (/tmp/perf-4242.map)",
            &[
                "java/io/E:::<init>_[i]",
                "java/io/C:::d_[i]",
                "java/io/A:::b",
            ],
        );
        check(
            "\t5510 java.io.A::b->java.io.C::d (/tmp/perf-4242.map)",
            &["java.io.C::d_[i]", "java.io.A::b"],
        );
        check(
            "\t5510 A::operator->  (/tmp/perf-4242.map)",
            &["A::operator->"],
        );
        check("\t5510 a.b::c->d (/srv/api)", &["a.b::c->d"]);
        check("\t5510 -> (/tmp/perf-4242.map)", &["->"]);
    }

    #[test]
    fn lines_that_are_no_frames_are_told_apart() {
        for (line, expected) in [
            ("  api.c:12", Line::Source),
            ("  ??:0", Line::Source),
            ("  libc.so.6[f5710]", Line::Source),
            ("  [JIT] tid 15761[7f25defd5b5c]", Line::Source),
            ("  lib c.so.6[f5710]", Line::Unread),
            ("  /srv/a b.c:12", Line::Unread),
            ("   THIS_IS_A_WEIRD_LINE", Line::Unread),
            ("  no frame", Line::Unread),
            ("  )", Line::Unread),
            ("  ()", Line::Unread),
        ] {
            assert_eq!(parse(line), expected, "{line}");
        }
        assert!(behind_header("  ffffffff9aa3c8de [unknown] ([unknown])"));
        assert!(!behind_header(" prev_comm=web (x)"));
        assert!(!behind_header(" 2 g"));
    }
}
