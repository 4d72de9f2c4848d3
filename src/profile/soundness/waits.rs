//! Functions in which a thread waits, as runtimes, kernels and profilers call them.
//!
//! It tells waiting from the work of going to sleep. A clock on the wall samples a thread that sleeps, and a clock of the CPU does not: what it
//! samples in such a function is work.

/// Functions that do nothing but wait, whatever clock sampled them.
const IDLE: [&str; 22] = [
    "(idle)",
    "runtime.gopark",
    "swapper",
    "do_idle",
    "cpuidle_enter",
    "cpuidle_enter_state",
    "cpu_startup_entry",
    "default_idle",
    "default_idle_call",
    "intel_idle",
    "acpi_idle_enter",
    "poll_idle",
    "native_safe_halt",
    "pv_native_safe_halt",
    "mwait_idle",
    "jdk/internal/misc/Unsafe.park",
    "jdk.internal.misc.Unsafe.park",
    "sun.misc.Unsafe.park",
    // PerfView's marks for what a thread waits for.
    "BLOCKED_TIME",
    "READY_TIME",
    "DISK_TIME",
    "NETWORK_TIME",
];
/// Sample types of which waiting is the point.
const OF_WAITS: [&str; 4] = ["off-cpu", "off_cpu", "delay", "lock-acquire-wait"];
/// Sample types of time on the wall.
const ON_THE_WALL: [&str; 5] = ["wall", "wall-time", "time", "wall samples", "events"];
/// Samples of which nothing says whether a clock on the wall took them.
const OF_ANY_CLOCK: &str = "samples";
/// Functions that wait where a clock on the wall took the samples. On a CPU they are the work of going to sleep, and the kernel's functions stand
/// below them.
const ASLEEP: [&str; 72] = [
    "sun/nio/ch/EPoll.wait",
    "sun.nio.ch.EPoll.wait",
    "java/lang/Thread.sleep0",
    "java.lang.Thread.sleep0",
    "java/lang/Object.wait",
    "java.lang.Object.wait",
    "java/lang/Thread.sleep",
    "java.lang.Thread.sleep",
    "System.Threading.Monitor.Wait",
    "System.Threading.Monitor.ObjWait",
    "System.Threading.Thread.Sleep",
    "System.Threading.Thread.SleepInternal",
    "System.Threading.Thread.Join",
    "System.Threading.WaitHandle.WaitOneNoCheck",
    "System.Threading.WaitHandle.WaitMultiple",
    "System.Threading.LowLevelLifoSemaphore.WaitForSignal",
    "System.Threading.LowLevelLifoSemaphore.WaitNative",
    "System.Threading.LowLevelMonitor.Wait",
    "System.Threading.SemaphoreSlim.Wait",
    "System.Threading.ManualResetEventSlim.Wait",
    "Interop+Sys.WaitForSocketEvents",
    "epoll_wait",
    "__epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "poll",
    "__poll",
    "ppoll",
    "__poll_nocancel",
    "select",
    "__select",
    "__select_nocancel",
    "nanosleep",
    "__nanosleep",
    "clock_nanosleep",
    "__clock_nanosleep",
    "futex_wait",
    "pthread_cond_wait",
    "pthread_cond_timedwait",
    "pthread_cond_wait@@GLIBC_2.3.2",
    "pthread_cond_timedwait@@GLIBC_2.3.2",
    "__futex_abstimed_wait_common",
    "__futex_abstimed_wait_common64",
    "Kernel#sleep",
    "sleep [c function] - (unknown)",
    "sleep [c function] - (unknown):0",
    "IO.select",
    "Queue#pop",
    "Thread#join",
    "__psynch_cvwait",
    "__psynch_mutexwait",
    "__semwait_signal",
    "__ulock_wait",
    "__workq_kernreturn",
    "kevent",
    "mach_msg_trap",
    "mach_msg2_trap",
    "semaphore_wait_trap",
    "NtWaitForSingleObject",
    "NtWaitForMultipleObjects",
    "NtRemoveIoCompletion",
    // Python's, where the file is not part of the name.
    "Condition.wait",
    "Event.wait",
    "Barrier.wait",
    "Thread.join",
    "Thread._wait_for_tstate_lock",
    "_wait_for_tstate_lock",
    "SelectSelector.select",
    "PollSelector.select",
    "EpollSelector.select",
    "KqueueSelector.select",
    "DevpollSelector.select",
];
/// Files of Python's library with functions that wait, whatever class they are of. Samplers of Python have a clock on the wall.
const OF_PYTHON: [(&str, &[&str]); 6] = [
    ("threading.py", &["wait", "_wait_for_tstate_lock", "join"]),
    ("selectors.py", &["select"]),
    ("socket.py", &["accept"]),
    ("subprocess.py", &["_try_wait"]),
    ("multiprocessing/connection.py", &["wait"]),
    ("multiprocessing/popen_fork.py", &["poll"]),
];
/// The same of functions that wait where they are innermost: they call others to work.
const OF_PYTHON_INNERMOST: [(&str, &[&str]); 2] = [
    ("concurrent/futures/thread.py", &["_worker"]),
    ("multiprocessing/connection.py", &["_recv"]),
];

/// What is known of the clock that took the samples of a type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Clock {
    /// It samples threads that sleep.
    Wall,
    /// It may.
    Any,
    /// It samples what runs.
    Cpu,
}

impl Clock {
    /// The clock of a sample type.
    pub(super) fn of(sample_type: &str) -> Self {
        if ON_THE_WALL.contains(&sample_type) {
            Self::Wall
        } else if sample_type == OF_ANY_CLOCK {
            Self::Any
        } else {
            Self::Cpu
        }
    }
}

/// Where samples of a function are time that was waited.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Waits {
    /// Wherever it stands in a stack.
    Anywhere,
    /// Where it is innermost.
    Innermost,
}

/// Whether a clock on the wall took the samples of a type.
pub fn is_on_the_wall(sample_type: &str) -> bool {
    Clock::of(sample_type) == Clock::Wall
}

/// Whether waiting is what a sample type measures.
pub(super) fn is_the_point(sample_type: &str) -> bool {
    OF_WAITS.contains(&sample_type)
}

/// Where a function of this name, as names are normalised, waits; `None` if it works.
pub(super) fn of(name: &str, clock: Clock) -> Option<Waits> {
    if IDLE.contains(&name) {
        return Some(Waits::Anywhere);
    }
    if clock == Clock::Cpu {
        return None;
    }
    if of_python(name, &OF_PYTHON) {
        return Some(Waits::Anywhere);
    }
    if of_python(name, &OF_PYTHON_INNERMOST) {
        return Some(Waits::Innermost);
    }
    let waits = match clock {
        Clock::Wall => Waits::Anywhere,
        _ => Waits::Innermost,
    };
    ASLEEP.contains(&bare(name)).then_some(waits)
}

/// The function without what profilers write around it: `module!name(int32)` of Windows and .NET, `name (libc.so.6)` of py-spy.
fn bare(name: &str) -> &str {
    if let Some((_, function)) = name.rsplit_once('!') {
        return function.split('(').next().unwrap_or(function);
    }
    let is_library = |file: &str| {
        file.contains(".so")
            || file.contains(".dylib")
            || file.to_ascii_lowercase().ends_with(".dll")
    };
    match name
        .strip_suffix(')')
        .and_then(|name| name.rsplit_once(" ("))
    {
        Some((function, file)) if is_library(file) => function,
        _ => name,
    }
}

/// Whether a name is one of these functions: `Condition.wait (threading.py)`, `/usr/lib/python3/threading.py:wait`.
fn of_python(name: &str, known: &[(&str, &[&str])]) -> bool {
    let in_brackets = || name.strip_suffix(')')?.rsplit_once(" (");
    let before = || {
        let at = name.find(".py:")? + ".py".len();
        Some((&name[at + 1..], &name[..at]))
    };
    let Some((function, file)) = in_brackets().or_else(before) else {
        return false;
    };
    let function = function.rsplit('.').next().unwrap_or(function);
    let is_file = |known: &str| {
        let before = file.strip_suffix(known);
        before.is_some_and(|before| before.is_empty() || before.ends_with('/'))
    };
    known
        .iter()
        .any(|(file, functions)| functions.contains(&function) && is_file(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(clock: Clock, name: &str, expected: Option<Waits>) {
        assert_eq!(of(name, clock), expected, "{name}");
    }

    #[test]
    fn functions_that_wait_are_known_however_profilers_write_them() {
        for name in [
            "wait (threading.py)",
            "Condition.wait (threading.py)",
            "Thread._wait_for_tstate_lock (threading.py)",
            "EpollSelector.select (selectors.py)",
            "wait (multiprocessing/connection.py)",
            "/usr/lib/python3.11/threading.py:wait",
            "(idle)",
            "BLOCKED_TIME",
        ] {
            check(Clock::Any, name, Some(Waits::Anywhere));
        }
        for name in [
            "epoll_wait",
            "clock_nanosleep (libc.so.6)",
            "_worker (concurrent/futures/thread.py)",
            "ntdll.dll!NtWaitForSingleObject",
            "System.Private.CoreLib!System.Threading.Thread.Sleep(int32)",
            "System.Private.CoreLib.il!System.Threading.Monitor.Wait(class System.Object,int32)",
            "Condition.wait",
        ] {
            check(Clock::Any, name, Some(Waits::Innermost));
        }
        check(Clock::Wall, "epoll_wait", Some(Waits::Anywhere));
        // It calls what it waited for.
        let worker = "_worker (concurrent/futures/thread.py)";
        check(Clock::Wall, worker, Some(Waits::Innermost));
    }

    #[test]
    fn functions_that_are_only_called_alike_work() {
        for name in [
            "select (db.py)",
            "wait (mythreading.py)",
            "poll (consumer.py)",
            "_worker (jobs/thread.py)",
            "join (posixpath.py)",
            "join",
            "api!Api.Poll.Wait(int32)",
            "threading.py",
            "",
        ] {
            check(Clock::Wall, name, None);
        }
        check(Clock::Cpu, "epoll_wait", None);
        check(Clock::Cpu, "Condition.wait (threading.py)", None);
        check(Clock::Cpu, "runtime.gopark", Some(Waits::Anywhere));
    }
}
