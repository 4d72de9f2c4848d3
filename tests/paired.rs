//! Two arms in turns, with real targets on both sides: what a block holds, whatever becomes of an arm.
//!
//! Targets are started through this binary, which is telemload to them; that is why it has a `main` of its own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(
    clippy::print_stdout,
    reason = "it takes the place of the usual harness"
)]

use std::num::NonZeroU32;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use telemload::experiment::{Live, Observer, Pair, Paired, PhaseStart, Relaunch, RunDir, Stop};
use telemload::metrics::Tally;
use telemload::process::ProcessTree;
use telemload::process::port::free_port;
use telemload::result::{ArmBlock, Arms, Block, Failure, PhaseResult, Turns};
use telemload::scenario::{Overrides, Plan, parse};
use tempfile::TempDir;
use tokio::sync::watch;

/// What targets are started through.
const TELEMLOAD: [&str; 3] = ["supervise", "exec-with-parent", "gateway"];

const TESTS: [(&str, fn()); 6] = [
    (
        "a_block_counts_what_each_arm_did",
        a_block_counts_what_each_arm_did,
    ),
    (
        "an_arm_that_does_not_come_up_is_found",
        an_arm_that_does_not_come_up_is_found,
    ),
    (
        "an_arm_that_dies_ends_its_block",
        an_arm_that_dies_ends_its_block,
    ),
    (
        "a_block_that_is_interrupted_leaves_nothing_running",
        a_block_that_is_interrupted_leaves_nothing_running,
    ),
    (
        "arms_that_run_already_are_loaded_and_left_alone",
        arms_that_run_already_are_loaded_and_left_alone,
    ),
    (
        "arms_that_cannot_be_up_together_are_refused",
        arms_that_cannot_be_up_together_are_refused,
    ),
];

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let first = args.next().unwrap_or_default();
    if TELEMLOAD.iter().any(|verb| first == *verb) {
        return telemload::cli::main(std::env::args_os());
    }
    let filters: Vec<String> = std::env::args().skip(1).collect();
    let filters = filters.iter().filter(|filter| !filter.starts_with('-'));
    let filters: Vec<&String> = filters.collect();
    for (name, test) in TESTS {
        if filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str())) {
            test();
            println!("test {name} ... ok");
        }
    }
    ExitCode::SUCCESS
}

/// Watches nothing.
struct Nobody;

impl Observer for Nobody {
    fn hashing(&self, _: u64) {}
    fn hashed(&self) {}
    fn phase(&self, _: &PhaseStart<'_>) {}
    fn live(&self, _: &str, _: &Live<'_>) {}
    fn phase_over(&self, _: &[(&str, &PhaseResult)]) {}
}

/// A scenario with the variants `base` and `head`, and where it leaves its files.
struct Bed {
    plan: Plan,
    home: TempDir,
    ask: watch::Sender<u32>,
    stop: Stop,
}

const LOAD: &str =
    "[load]\nmodel = \"closed\"\nconnections = 4\nduration = \"1s\"\ntimeout = \"5s\"\n";

const GATEWAY: &str = "target.gateway = { cpus = 1 }";

const REQUESTS: &str = r#"
[[request]]
name = "telemetry"
method = "POST"
path = "/v1/telemetry"
headers = { Content-Type = "application/json" }
body = '{"seq":{{seq}}}'
weight = 3
[[request]]
name = "get"
path = "/v1/telemetry"
"#;

impl Bed {
    fn new(base: &str, head: &str) -> Self {
        let text = format!(
            "name = \"pair\"\n{LOAD}{REQUESTS}\n[[variant]]\nname = \"base\"\n{base}\n[[variant]]\nname = \"head\"\n{head}\n"
        );
        let plan = parse("pair.toml", &text, Path::new("."), &Overrides::default());
        let (ask, asked) = watch::channel(0);
        Self {
            plan: plan.unwrap_or_else(|error| panic!("{error}\n{text}")),
            home: tempfile::tempdir().unwrap(),
            ask,
            stop: Stop(asked),
        }
    }

    /// Runs what a test does with a pair of its arms.
    fn with<T>(&self, relaunch: Relaunch, test: impl AsyncFnOnce(Pair<'_>) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let dir = run_dir(self.home.path());
        runtime.block_on(async {
            let pair = self.pair(&dir, relaunch).unwrap();
            test(pair).await
        })
    }

    fn pair<'a>(&'a self, dir: &'a RunDir, relaunch: Relaunch) -> Result<Pair<'a>, Failure> {
        let [base, head] = &self.plan.variants[..] else {
            panic!("there are two");
        };
        let paired = Paired {
            plan: &self.plan,
            arms: Arms { base, head },
            load: &base.phases[0].load,
            relaunch,
            latencies: true,
            longest: Duration::from_millis(5_300),
            dir,
            observer: &Nobody,
            stop: &self.stop,
        };
        Pair::new(paired, jiff::Timestamp::UNIX_EPOCH)
    }

    /// Runs the first block.
    fn block(&self) -> Block {
        let once = Relaunch::Every(NonZeroU32::MIN);
        self.with(once, async |mut pair| pair.block(1).await.unwrap().unwrap())
    }
}

fn total(turns: &Turns) -> Tally {
    Tally::sum(&turns.tallies)
}

/// A gateway as a command that a shell does something around.
fn around(script: &str) -> String {
    let gateway = format!(
        "{} gateway --listen 127.0.0.1:$0",
        env!("CARGO_BIN_EXE_telemload")
    );
    let script = script.replace("GATEWAY", &gateway);
    format!("target.command = '''sh -c '{script}' {{port}}'''\ntarget.ready = \"/healthz\"")
}

fn a_block_counts_what_each_arm_did() {
    let bed = Bed::new(GATEWAY, GATEWAY);
    let twice = Relaunch::Every(NonZeroU32::new(2).unwrap());
    let blocks = bed.with(twice, async |mut pair| {
        assert!(pair.pacing().is_none());
        let first = pair.block(1).await.unwrap().unwrap();
        let pacing = pair.pacing();
        assert!(pacing.is_some_and(|pacing| pacing.open.is_some()));
        let second = pair.block(2).await.unwrap().unwrap();
        assert_eq!(pair.pacing(), pacing, "it is decided once");
        [first, second]
    });
    for (number, block) in (1..).zip(&blocks) {
        assert_eq!((block.number, block.launch), (number, 1));
        assert_eq!(block.head_first, number == 2);
        let Arms { base, head } = &block.arms;
        for arm in [base, head] {
            check_arm(arm);
        }
        let due = |arm: &ArmBlock| total(arm.open.as_ref().unwrap()).due;
        assert!(due(base).abs_diff(due(head)) <= 1, "both have one schedule");
        let mix = |arm: &ArmBlock| arm.open.as_ref().unwrap().tallies[1].due;
        assert!(
            mix(base).abs_diff(mix(head)) <= 1,
            "both have the same requests"
        );
        assert!(block.around.generator_cores > 0.0);
        // What others used is known where it is known what the arms used.
        let used = [base.cpu, base.open_cpu, head.cpu, head.open_cpu];
        let is_known = used.iter().all(Option::is_some);
        assert_eq!(block.around.foreign_cores.is_some(), is_known, "{block:?}");
        assert!(block.around.dispatch_lag_p99 > Duration::ZERO);
    }
}

fn check_arm(arm: &ArmBlock) {
    assert_eq!(arm.died, None);
    let (closed, open) = (&arm.closed, arm.open.as_ref().unwrap());
    let turn = closed.active / closed.count;
    assert!(turn >= Duration::from_millis(20), "{turn:?}");
    // Both orders come equally often, and short turns are so many that they take as long as usual ones do.
    let (both, all) = (2 * closed.count, 2 * closed.active);
    if turn < Duration::from_millis(100) {
        assert!(both >= 24 && both % 8 == 0, "{both} turns of {turn:?}");
        assert!(all > Duration::from_millis(1_500), "{both} of {turn:?}");
    } else {
        assert!([8, 16, 24].contains(&both), "{both} turns of {turn:?}");
    }
    assert!(all <= Duration::from_millis(3_500), "{both} of {turn:?}");
    assert_eq!(open.count, 4);
    for turns in [closed, open] {
        let total = total(turns);
        assert!(total.ok > 0 && total.failed == 0, "{:?}", turns.exemplars);
        assert_eq!(total.ok, total.due);
        assert_eq!(turns.tallies.len(), 2);
    }
    // A reading that a busy machine has delayed for half a turn is none.
    let cpu = [arm.cpu, arm.open_cpu].into_iter().flatten();
    for cpu in cpu {
        assert!(
            cpu > Duration::ZERO && cpu < Duration::from_secs(60),
            "{cpu:?}"
        );
    }
    assert!(arm.peak_bytes > Some(1 << 20));
}

fn an_arm_that_does_not_come_up_is_found() {
    let bed = Bed::new(GATEWAY, &around("echo no such luck; exit 3"));
    let block = bed.block();
    let died = block.arms.head.died.as_ref().unwrap();
    assert_eq!(died.what(), "never became ready");
    assert!(died.words().contains("no such luck"), "{died:?}");
    assert_eq!(block.arms.base.died, None);
    assert_eq!(block.arms.base.closed, Turns::nothing());
}

fn an_arm_that_dies_ends_its_block() {
    let dying = around("GATEWAY & trap \"kill $!\" TERM; sleep 2; kill -9 $!; echo gone; exit 4");
    let bed = Bed::new(GATEWAY, &dying);
    let block = bed.block();
    let died = block.arms.head.died.as_ref().unwrap();
    assert_eq!(died.what(), "ended by itself");
    assert!(died.words().contains("gone"), "{died:?}");
    assert_eq!(block.arms.base.died, None);
}

fn a_block_that_is_interrupted_leaves_nothing_running() {
    let noting = "echo $$ > OUT; exec GATEWAY";
    let home = tempfile::tempdir().unwrap();
    let [base, head] = ["base", "head"].map(|name| {
        let out = home.path().join(name);
        around(&noting.replace("OUT", out.to_str().unwrap()))
    });
    let bed = Bed::new(&base, &head);
    let block = bed.with(Relaunch::Never, async |mut pair| {
        let asking = async {
            // Both are up, and one of them is loaded or about to be.
            while !["base", "head"]
                .iter()
                .all(|name| home.path().join(name).exists())
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            bed.ask.send_replace(1);
        };
        let (block, ()) = tokio::join!(pair.block(1), asking);
        block.unwrap()
    });
    assert_eq!(block, None);
    for name in ["base", "head"] {
        let pid = std::fs::read_to_string(home.path().join(name)).unwrap();
        let stat = Path::new("/proc").join(pid.trim());
        assert!(!stat.exists(), "{name} still runs");
    }
}

/// A gateway that runs without the pair.
struct Running(Child, u16);

impl Running {
    fn start() -> Self {
        let port = free_port().unwrap();
        let mut gateway = Command::new(env!("CARGO_BIN_EXE_telemload"));
        gateway.args(["gateway", "--listen", &format!("127.0.0.1:{port}")]);
        Self(gateway.stderr(Stdio::null()).spawn().unwrap(), port)
    }

    fn target(&self) -> String {
        let (pid, port) = (self.0.id(), self.1);
        format!("target.url = \"http://127.0.0.1:{port}\"\ntarget.pid = {pid}")
    }

    /// All that it has used.
    fn cpu(&self) -> Duration {
        let tree = ProcessTree::of(self.0.id()).unwrap();
        Duration::from_nanos(tree.read(None).unwrap().cpu_ns)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn arms_that_run_already_are_loaded_and_left_alone() {
    let mut arms = [Running::start(), Running::start()];
    for Running(_, port) in &arms {
        while std::net::TcpStream::connect(("127.0.0.1", *port)).is_err() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    let bed = Bed::new(&arms[0].target(), &arms[1].target());
    let before = arms.each_ref().map(Running::cpu);
    let block = bed.block();
    let Arms { base, head } = &block.arms;
    for ((arm, running), before) in [base, head].into_iter().zip(&mut arms).zip(before) {
        check_arm(arm);
        // The calibration is in neither part of the block.
        let parts = [arm.cpu, arm.open_cpu].into_iter().flatten();
        let (parts, all) = (parts.sum::<Duration>(), running.cpu() - before);
        assert!(parts < all, "{parts:?} of {all:?}");
        assert_eq!(running.0.try_wait().unwrap(), None, "it still runs");
    }
}

fn arms_that_cannot_be_up_together_are_refused() {
    let bed = Bed::new(
        &format!("{GATEWAY}\ntarget.port = 18099"),
        &format!("{GATEWAY}\ntarget.port = 18099"),
    );
    let dir = run_dir(bed.home.path());
    let refused = bed.pair(&dir, Relaunch::Never).map(drop).unwrap_err();
    let words = refused.to_string();
    assert!(
        words.contains("port 18099") && words.contains("leave out `port`"),
        "{words}"
    );
}

/// The directory that logs of launches go to.
fn run_dir(home: &Path) -> RunDir {
    let started_at = jiff::Timestamp::UNIX_EPOCH;
    RunDir::create(Some(&home.join("run")), "paired", "", started_at).unwrap()
}
