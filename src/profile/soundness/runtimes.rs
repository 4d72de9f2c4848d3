//! Code that runtimes make or interpret, and how each is made to name it.

use crate::units::format_share;

/// From this share on such code is said.
const SAID: f64 = 0.05;
/// From this share on an interpreter hides the program.
const HIDDEN: f64 = 0.2;

/// A runtime, by how names begin in a profile that has it: of functions, modules and threads.
struct Runtime {
    signs: &'static [&'static str],
    remedy: &'static str,
}

const PYTHON: &str = "set PYTHONPERFSUPPORT=1 for the service, which is `python -X perf` (Python 3.12 and later; 3.13 has PYTHON_PERF_JIT_SUPPORT=1 for programs without frame pointers); of earlier ones `py-spy record --format raw` samples the functions, and `flame top` reads that";

const RUNTIMES: [Runtime; 4] = [
    Runtime {
        signs: &["node", "v8::", "Builtins_"],
        remedy: "start Node with `node --perf-basic-prof` (what it compiled before is in the map too)",
    },
    Runtime {
        signs: &[
            "java",
            "JavaThread::",
            "JavaCalls::",
            "JavaMain",
            "[libjvm.so]",
        ],
        remedy: "start Java with `-XX:+PreserveFramePointer -XX:+UnlockDiagnosticVMOptions -XX:+DumpPerfMapAtExit` (JDK 17 and later, which does not start without the second), let `jcmd PID Compiler.perfmap` write the map while it runs, or use perf-map-agent",
    },
    Runtime {
        signs: &[
            ".NET",
            "coreclr_",
            "[libcoreclr.so]",
            "[libclrjit.so]",
            "CorHost2::",
        ],
        remedy: "start .NET with DOTNET_PerfMapEnabled=1",
    },
    Runtime {
        signs: &[INTERPRETER],
        remedy: PYTHON,
    },
];

const INTERPRETER: &str = "_PyEval_EvalFrameDefault";

/// Whether a frame is code made at run time that nothing names, as names are normalised.
pub(super) fn is_unmapped(name: &str) -> bool {
    let module = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    module.is_some_and(|module| {
        (module.starts_with("perf-") && module.ends_with(".map"))
            || module.starts_with("//anon")
            || module.starts_with("anon")
            || module.contains("doublemapper")
    })
}

/// Whether a frame runs a program that has no frames of its own.
pub(super) fn is_interpreter(name: &str) -> bool {
    name == INTERPRETER
}

/// Whether a name is a sign's: it begins with it, and the sign is no part of a longer word.
fn is_of(name: &str, sign: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let Some(rest) = name.strip_prefix(sign) else {
        return false;
    };
    let is_open = sign.ends_with(['_', ':', ']']);
    is_open || !rest.starts_with(is_word)
}

/// Parts of a profile that are to be told.
pub(super) struct Shares {
    /// Of code without a map itself.
    pub(super) unmapped: f64,
    /// The same with what such code calls.
    pub(super) above_unmapped: f64,
    /// Of an interpreter, with what it calls.
    pub(super) interpreted: f64,
}

/// What is to be said of a profile with such shares.
pub(super) fn doubt(names: &[String], shares: &Shares) -> Option<String> {
    let has = |signs: &[&str]| {
        let is = |name: &String| signs.iter().any(|sign| is_of(name, sign));
        names.iter().any(is)
    };
    if shares.above_unmapped >= SAID {
        let known = RUNTIMES.iter().find(|runtime| has(runtime.signs));
        let remedy = known.map_or(
            "let the runtime write /tmp/perf-PID.map (Node --perf-basic-prof, Java -XX:+UnlockDiagnosticVMOptions -XX:+DumpPerfMapAtExit, Python -X perf, .NET DOTNET_PerfMapEnabled=1)",
            |runtime| runtime.remedy,
        );
        return Some(format!(
            "{} of it runs in code that was made at run time, or is called by it ({} in itself), and the functions of that code have no names: {remedy}",
            format_share(shares.above_unmapped),
            format_share(shares.unmapped)
        ));
    }
    (shares.interpreted >= HIDDEN && !has(&["py::"])).then(|| {
        format!(
            "{} of it is in Python's interpreter, whose functions have no names: {PYTHON}",
            format_share(shares.interpreted)
        )
    })
}
