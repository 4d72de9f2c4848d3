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
        rule("proxy", r"\bjdk([./])proxy\d+", "jdk${1}proxy"),
        rule(
            "$",
            r"(\$(?:HibernateProxy|ByteBuddy|MockitoMock)\$)[0-9A-Za-z]+",
            "$1",
        ),
        rule("CGLIB$$", r"(CGLIB\$\$)[0-9a-f]+", "$1"),
        // .NET numbers what it compiles of expressions; Ruby tells classes without a name apart by their addresses, PHP closures by their lines.
        rule("lambda_method", r"\b(lambda_method)\d+", "$1"),
        rule("#<", r"(#<[^<>]*):0x[0-9a-f]{8,}", "$1"),
        rule("{closure:", r"(\{closure:[^{}]*):\d+\}", "$1}"),
        rule(
            "class@anonymous",
            r"(class@anonymous.*?\.php):\d+\$[0-9a-f]+",
            "$1",
        ),
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
        // The line before the name, as flameprof writes them: `file.py:3:name`.
        rule(
            ":",
            &format!(r"^([^:]*\.(?:{SOURCES})):\d+:([^:\d].*)$"),
            "$1:$2",
        ),
        rule(">:", r"^(<[^<>]+>):\d+:([^:\d].*)$", "$1:$2"),
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
        // Which worker of a pool has how much to do is chance: `thread (7): ThreadPoolExecutor-0_3`.
        rule(
            "thread (",
            r"^(thread \((?:0x)?N\): .*?[-_])\d+_\d+$",
            "${1}N_N",
        ),
        rule("thread (", r"^(thread \((?:0x)?N\): .*?[-_])\d+$", "${1}N"),
        rule("process ", r"^process \d+:", "process N:"),
        rule("Process ", r"^Process \d+$", "Process N"),
        rule("tid:", r"^tid:\d+$", "tid:N"),
        // PerfView writes `Thread (30116) CPU=9ms (.NET ThreadPool)`.
        rule(
            "Thread (",
            r"^Thread \(\d+\)(?: CPU=[\d.,]+ms)?($| \()",
            "Thread (N)$1",
        ),
        rule(
            "Thread ",
            r"^Thread (?:0x[0-9A-Fa-f]+|\d+)($|[ :,])",
            "Thread N$1",
        ),
        rule("Thread_", r"^Thread_\d{4,}($|:? )", "Thread_N$1"),
        rule("Thread-", r"\b(Thread-)\d+( \([^()]*\))?$", "${1}N$2"),
        rule("Process", r"^(Process(?:32|64) .*?)\(\d+\)", "$1(N)"),
        rule(".exe (", r"^(.*\.exe) \(\d+\)$", "$1 (N)"),
        rule("goroutine ", r"^goroutine \d+", "goroutine N"),
        rule("<", r"^(#PID)?<\d+\.\d+\.\d+>$", "$1<N>"),
        rule("swapper/", r"^swapper/\d+$", "swapper"),
        rule(
            "/",
            r"^(ksoftirqd|migration|cpuhp|watchdog|rcuop|rcuog|rcuos|rcuc|idle_inject)/\d+$",
            "$1/N",
        ),
        rule("kworker/", r"^(kworker/u?)\d+:\d+", "${1}N:N"),
        rule("0x", r"^0x[0-9a-f]{8,}$", "[address]"),
    ]
});

static THREAD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\[?[A-Za-z][\w# .]*(?:-[\w#.]+)*-\d+(?:/\d+)?(?: tid=N)?\]?$")
        .expect("the pattern is valid")
});
static NUMBER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"([-/#])\d+\b").expect("the pattern is valid"));

/// How names begin that are the command line of a process, as py-spy and dotnet-trace write them.
const COMMAND_LINES: [&str; 3] = ["process N:", "Process64 ", "Process32 "];

/// Numbers among the arguments of a process: ports, workers, times.
static ARGUMENT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"([ =:/_-])\d+(?:\.\d+)?\b").expect("the pattern is valid"));

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
    if COMMAND_LINES.iter().any(|begin| settled.starts_with(begin))
        && let Cow::Owned(replaced) = ARGUMENT.replace_all(&settled, "${1}N")
    {
        settled = Cow::Owned(replaced);
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
    fn threads_and_processes_of_two_runs_agree() {
        for (name, expected) in [
            ("tid:140338436361088", "tid:N"),
            ("Thread (12345)", "Thread (N)"),
            (
                "process 25350:\"python3.11 app.py --port=8001 -w 4\"",
                "process N:\"python3.11 app.py --port=N -w N\"",
            ),
            (
                "thread (25916): ThreadPoolExecutor-0_3",
                "thread (N): ThreadPoolExecutor-N_N",
            ),
            ("thread (0x7F12AB): asyncio_2", "thread (0xN): asyncio_N"),
            (
                "Process64 api (4242) Args: --urls http://*:5001",
                "Process64 api (N) Args: --urls http://*:N",
            ),
            (
                "Thread (30116) CPU=9ms (.NET ThreadPool)",
                "Thread (N) (.NET ThreadPool)",
            ),
            ("Thread (1) CPU=1,009ms", "Thread (N)"),
            ("Thread 0x7f1234567890", "Thread N"),
            ("Thread 77: worker", "Thread N: worker"),
            (
                "Thread_354319   DispatchQueue_1: com.apple.main-thread  (serial)",
                "Thread_N   DispatchQueue_1: com.apple.main-thread  (serial)",
            ),
            (
                "thread (0x7F12AB): Thread-7 (work)",
                "thread (0xN): Thread-N (work)",
            ),
            (
                "Process64 Process(99) (99) Args: x",
                "Process64 Process(N) (N) Args: x",
            ),
            (
                "[ForkJoinPool.commonPool-worker-3 tid=99]",
                "[ForkJoinPool.commonPool-worker-N tid=N]",
            ),
            ("Process 123", "Process N"),
            ("app.exe (1234)", "app.exe (N)"),
            ("<0.123.0>", "<N>"),
            ("#PID<0.123.0>", "#PID<N>"),
            ("goroutine 12", "goroutine N"),
            ("swapper/3", "swapper"),
            ("ksoftirqd/3", "ksoftirqd/N"),
            ("kworker/u8:2-events", "kworker/uN:N-events"),
            // What only looks like it
            ("Thread_2::run", "Thread_2::run"),
            ("Thread_12", "Thread_12"),
            ("handle_call/3", "handle_call/3"),
            ("std::less<0>", "std::less<0>"),
            ("foo.so-x1", "foo.so-x1"),
        ] {
            assert_eq!(normalise(name), expected, "{name}");
            assert_eq!(normalise(expected), expected, "it settles");
        }
    }

    #[test]
    fn names_that_a_runtime_makes_agree() {
        for (name, expected) in [
            ("jdk.proxy2.$Proxy12.f", "jdk.proxy.$Proxy.f"),
            ("jdk/proxy2/$Proxy12.f", "jdk/proxy/$Proxy.f"),
            (
                "com.x.Foo$HibernateProxy$AbCd1234.getId",
                "com.x.Foo$HibernateProxy$.getId",
            ),
            ("Foo$MockitoMock$1234567.f", "Foo$MockitoMock$.f"),
            (
                "dynamicClass.lambda_method123(class Closure)",
                "dynamicClass.lambda_method(class Closure)",
            ),
            ("#<Class:#<Foo:0x00007f1234567890>>#f", "#<Class:#<Foo>>#f"),
            ("{closure:Foo::bar():12}", "{closure:Foo::bar()}"),
            (
                "class@anonymous/srv/a.php:12$0::f",
                "class@anonymous/srv/a.php::f",
            ),
            // What only looks like it
            ("jdk.proxy.f2", "jdk.proxy.f2"),
            ("lambda_methods2", "lambda_methods2"),
            ("#<Class:Foo>.f2", "#<Class:Foo>.f2"),
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
            ("/srv/w.py:3:heavy", "/srv/w.py:heavy"),
            ("/srv/w.py:3:<lambda>", "/srv/w.py:<lambda>"),
            (
                "<frozen importlib._bootstrap>:1165:_find_and_load",
                "<frozen importlib._bootstrap>:_find_and_load",
            ),
            ("a.rs:3:f", "a.rs:3:f"),
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
