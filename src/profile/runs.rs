//! What tools add to a name that differs from run to run of one program: numbers of lambdas, lines, threads, addresses, states of a compiler.
//!
//! What the programmer wrote stays. Two functions of one name in one file become one without their lines.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

/// What async-profiler and perf-map-agent write behind a name: how it was compiled, and whether it is the kernel's.
/// gperftools' pprof marks what is inlined.
const MARKS: [&str; 7] = ["_[j]", "_[i]", "_[k]", "_[0]", "_[1]", "_[f]", "[inline]"];

/// Files whose names stand with a line behind them.
const SOURCES: &str =
    "py|pyx|js|mjs|cjs|jsx|ts|mts|cts|tsx|rb|php|java|kt|scala|cs|fs|go|lua|pl|pm|ex|exs|erl";

/// The same of compiled languages, as py-spy writes native functions: `name (file.c:12)`.
const COMPILED: &str = "c|cc|cpp|cxx|h|hh|hpp|hxx|inl|m|mm|rs|s|S|swift|zig|pyx|pxd";

/// A rule: a text that a name must hold, and what is replaced by what.
struct Rule {
    holds: &'static str,
    pattern: Regex,
    by: &'static str,
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let rule = |holds, pattern: &str, by| Rule {
        holds,
        pattern: Regex::new(pattern).expect("the pattern is valid"),
        by,
    };
    vec![
        // Java's machine numbers what it makes while it runs, and tells hidden classes apart by their addresses.
        rule(
            "Lambda",
            r"(\$\$Lambda|LambdaForm\$[A-Z]+)(?:\$\d+)?(?:[+/.]0x[0-9a-f]+|/\d+)?",
            "$1",
        ),
        rule("lambda$", r"(lambda\$[\w$]*\$)\d+\b", "$1"),
        rule(
            "Accessor",
            r"(Generated(?:Method|Constructor|SerializationConstructor)Accessor)\d+",
            "$1",
        ),
        rule("$Proxy", r"(\$Proxy)\d+", "$1"),
        rule("CGLIB$$", r"(CGLIB\$\$)[0-9a-f]+", "$1"),
        // A place without a symbol is called after its file alone, wherever that was loaded.
        rule("0x", r"^0x[0-9a-f]+ \(([^()]+)\)$", "[$1]"),
        rule("0x", r"[+/]0x[0-9a-f]{8,}", ""),
        // Lines of Python, Node and others: `name (file.py:66)`, `name file.js:41:12` and `file.js:name:41`.
        rule(
            ":",
            &format!(r"(\.(?:{SOURCES})):\d+(?::\d+)?(\)?)$"),
            "$1$2",
        ),
        rule(
            ":",
            &format!(r"^([^:]*\.(?:{SOURCES}):.*[^:\d].*?):\d+(?::\d+)?$"),
            "$1",
        ),
        rule(
            ":",
            &format!(r" \(([^()]*\.(?:{COMPILED})):\d+\)$"),
            " ($1)",
        ),
        // What Python has no file of: `name (<frozen importlib._bootstrap>:241)`, `<string>:name:1`.
        rule(">:", r" \((<[^<>]+>):\d+\)$", " ($1)"),
        rule("<frozen ", r"^(<frozen [^<>]+>:.*[^:\d].*?):\d+$", "$1"),
        // V8's states of a function: interpreted, baseline, optimised.
        rule(
            ":",
            r"^((?:JS|LazyCompile|Function|Eval|Script):)[~^*+]+",
            "$1",
        ),
        // Threads and processes, which are the roots of stacks.
        rule("tid=", r"tid=\d+", "tid=N"),
        rule("thread (0x", r"^thread \(0x[0-9A-Fa-f]+\)", "thread (0xN)"),
        rule("thread (", r"^thread \(\d+\)", "thread (N)"),
        rule("process ", r"^process \d+:", "process N:"),
        rule("0x", r"^0x[0-9a-f]{8,}$", "[address]"),
    ]
});

static THREAD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\[?[A-Za-z][\w# ]*(?:-[\w#]+)*-\d+(?:/\d+)?(?: tid=N)?\]?$")
        .expect("the pattern is valid")
});
static NUMBER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"([-/#])\d+\b").expect("the pattern is valid"));

/// The name without what differs between runs.
pub(super) fn settled(name: &str) -> Cow<'_, str> {
    let mut settled = Cow::Borrowed(without_marks(name));
    if !settled.bytes().any(|byte| byte.is_ascii_digit()) && !settled.contains(':') {
        return settled;
    }
    for rule in RULES.iter().filter(|rule| name.contains(rule.holds)) {
        if let Cow::Owned(replaced) = rule.pattern.replace_all(&settled, rule.by)
            && !replaced.is_empty()
        {
            settled = Cow::Owned(replaced);
        }
    }
    if settled.contains('-')
        && THREAD.is_match(&settled)
        && let Cow::Owned(replaced) = NUMBER.replace_all(&settled, "${1}N")
    {
        settled = Cow::Owned(replaced);
    }
    settled
}

fn without_marks(mut name: &str) -> &str {
    loop {
        let stem = MARKS.iter().find_map(|mark| name.strip_suffix(mark));
        match stem {
            Some(stem) if !stem.is_empty() => name = stem,
            _ => return name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::names::normalise;

    #[test]
    fn names_of_two_runs_agree() {
        for (name, expected) in [
            ("Foo.run_[j]", "Foo.run"),
            ("sys_read_[k]", "sys_read"),
            ("f_[j]_[i]", "f"),
            ("_[j]", "_[j]"),
            ("a_[x]", "a_[x]"),
            (
                "Foo$$Lambda$312+0x0000000800c03000.apply",
                "Foo$$Lambda.apply",
            ),
            ("Foo$$Lambda$14/1234567.apply", "Foo$$Lambda.apply"),
            ("Foo$$Lambda/0x00007f1a2b3c4d5e.apply", "Foo$$Lambda.apply"),
            (
                "java/lang/invoke/LambdaForm$DMH.0x0000000800c0.invoke",
                "java/lang/invoke/LambdaForm$DMH.invoke",
            ),
            ("Foo.lambda$main$0", "Foo.lambda$main$"),
            (
                "jdk.internal.reflect.GeneratedMethodAccessor120.invoke",
                "jdk.internal.reflect.GeneratedMethodAccessor.invoke",
            ),
            ("com.sun.proxy.$Proxy45.get", "com.sun.proxy.$Proxy.get"),
            (
                "Foo$$EnhancerBySpringCGLIB$$1a2b3c4d.bar",
                "Foo$$EnhancerBySpringCGLIB$$.bar",
            ),
            ("serve (server.py:41)", "serve (server.py)"),
            ("./index.js:(anonymous):22", "./index.js:(anonymous)"),
            ("./index.js:handler:41", "./index.js:handler"),
            ("handler /srv/app.js:41:12", "handler /srv/app.js"),
            (
                "LazyCompile:*handler /srv/app.js:41:12",
                "LazyCompile:handler /srv/app.js",
            ),
            ("thread (0x7F12AB): MainThread", "thread (0xN): MainThread"),
            (
                "process 4242:\"python app.py\"",
                "process N:\"python app.py\"",
            ),
            (
                "[http-nio-8080-exec-1 tid=4242]",
                "[http-nio-N-exec-N tid=N]",
            ),
            ("pool-1-thread-12", "pool-N-thread-N"),
            ("nginx-4242/4243", "nginx-N/N"),
            ("0x7f1234567890", "[address]"),
            ("0x9dbe2", "0x9dbe2"),
            ("libc.so.6+0x12345", "libc.so.6+0x12345"),
            // What only looks like it
            ("std::pair<a, b>::f:12", "std::pair<a, b>::f:12"),
            ("main.go", "main.go"),
            ("Foo::bar-1", "Foo::bar-1"),
            ("sha-256", "sha-N"),
            ("utf8_to_16", "utf8_to_16"),
        ] {
            assert_eq!(normalise(name), expected, "{name}");
            assert_eq!(normalise(expected), expected, "it settles");
        }
    }

    #[test]
    fn names_of_native_code_agree() {
        for (name, expected) in [
            ("thread (14943): MainThread", "thread (N): MainThread"),
            ("thread (14943)", "thread (N)"),
            ("0x7fe8f4aa3f16 (libc.so.6)", "[libc.so.6]"),
            ("encoder_call (_json.c:1309)", "encoder_call (_json.c)"),
            (
                "_find_and_load (<frozen importlib._bootstrap>:1176)",
                "_find_and_load (<frozen importlib._bootstrap>)",
            ),
            (
                "<frozen importlib._bootstrap>:_find_and_load:1176",
                "<frozen importlib._bootstrap>:_find_and_load",
            ),
            (
                "_PyObject_Malloc<00000000001af820>[inline]",
                "_PyObject_Malloc",
            ),
            ("arena_map_get[inline]", "arena_map_get"),
            ("thread (main)", "thread (main)"),
            ("f (g.c)", "f (g.c)"),
            ("<A as B>::f (x:12)", "<A as B>::f (x:12)"),
            ("0x10 (a) (b)", "0x10 (a) (b)"),
        ] {
            assert_eq!(normalise(name), expected, "{name}");
            assert_eq!(normalise(expected), expected, "it settles");
        }
    }
}
