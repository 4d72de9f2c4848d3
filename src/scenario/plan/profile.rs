//! How the target is profiled.

use std::time::Duration;

/// How the target is profiled.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Who takes the samples.
    pub source: ProfileSource,
    /// Samples per second and busy core.
    pub hz: u32,
    /// Whole seconds; the longest time, if `samples` end the capture.
    pub duration: Duration,
    /// Samples after which the capture ends.
    pub samples: Option<u64>,
    /// What is captured beside the CPU, each once.
    pub also: Vec<Also>,
    /// The label of samples whose values are the names or the paths of requests.
    pub request_label: Option<String>,
}

/// A profile that is captured beside that of the CPU: what Go's runtime serves, or where threads wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Also {
    /// Time that goroutines waited at channels, selects and locks.
    Block,
    /// Time that others waited for locks, where these were released.
    Mutex,
    /// Bytes that were allocated.
    Heap,
    /// Where goroutines are.
    Goroutine,
    /// Time in which threads of local processes are on no CPU, which the system's perf tells.
    OffCpu,
}

impl Also {
    /// All that there are.
    pub const ALL: [Self; 5] = [
        Self::Block,
        Self::Mutex,
        Self::Heap,
        Self::Goroutine,
        Self::OffCpu,
    ];

    /// Whether it is read from the target's endpoints.
    pub fn is_served(self) -> bool {
        self != Self::OffCpu
    }

    /// Its name in scenarios and files; of what is served also that of its endpoint.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Mutex => "mutex",
            Self::Heap => "heap",
            Self::Goroutine => "goroutine",
            Self::OffCpu => "off-cpu",
        }
    }

    /// By its name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Who takes the samples of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProfileSource {
    /// The target, which is asked for them.
    Pprof {
        /// Its endpoint, with `{port}` in the place of the target's port; the gateway's own if none.
        url: Option<String>,
    },
    /// The system's perf; the processes of the target are known.
    Perf,
}
