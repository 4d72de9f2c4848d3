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

const PYTHON: &str = "run Python with `python -X perf` (3.12 and later; 3.13 has `-X perf_jit` for programs without frame pointers)";

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
        remedy: "start Java with `-XX:+DumpPerfMapAtExit -XX:+PreserveFramePointer` (JDK 17), let `jcmd PID Compiler.perfmap` write the map while it runs, or use perf-map-agent",
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

/// What is to be said of a profile with such shares.
pub(super) fn doubt(names: &[String], unmapped: f64, interpreted: f64) -> Option<String> {
    let has = |signs: &[&str]| {
        let is = |name: &String| signs.iter().any(|sign| name.starts_with(sign));
        names.iter().any(is)
    };
    if unmapped >= SAID {
        let known = RUNTIMES.iter().find(|runtime| has(runtime.signs));
        let remedy = known.map_or(
            "let the runtime write /tmp/perf-PID.map (Node --perf-basic-prof, Java -XX:+DumpPerfMapAtExit, Python -X perf, .NET DOTNET_PerfMapEnabled=1)",
            |runtime| runtime.remedy,
        );
        return Some(format!(
            "{} of it is code that was made at run time, whose functions have no names: {remedy}",
            format_share(unmapped)
        ));
    }
    (interpreted >= HIDDEN && !has(&["py::"])).then(|| {
        format!(
            "{} of it is in Python's interpreter, whose functions have no names: {PYTHON}",
            format_share(interpreted)
        )
    })
}
