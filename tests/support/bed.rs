//! Runs the binary in a directory of its own, and reads what it left there.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use jsonschema::Validator;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const TELEMLOAD: &str = env!("CARGO_BIN_EXE_telemload");

/// Bounds every wait: a test that would hang fails. No single step takes longer, however busy the machine is.
const LONG: Duration = Duration::from_secs(120);

/// Polls until `found` has an answer.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    let mut pause = Duration::from_millis(5);
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(start.elapsed() < LONG, "waited in vain for {what}");
        thread::sleep(pause);
        // Some look through all processes of the machine, which slows the ends of those.
        pause = (pause * 3 / 2).min(Duration::from_millis(40));
    }
}

/// A command line in the making.
pub(crate) struct TestBed {
    home: Arc<TempDir>,
    args: Vec<OsString>,
    env: Vec<(&'static str, String)>,
    shell: Option<&'static str>,
}

impl TestBed {
    pub(crate) fn new() -> Self {
        Self {
            home: Arc::new(tempfile::tempdir().unwrap()),
            args: Vec::new(),
            env: Vec::new(),
            shell: None,
        }
    }

    /// What a shell does before it becomes the command, such as `trap '' HUP`.
    pub(crate) fn shell(mut self, before: &'static str) -> Self {
        self.shell = Some(before);
        self
    }

    /// Stores a scenario as `scenario.toml` and runs it into the run directory.
    pub(crate) fn scenario(self, text: &str) -> Self {
        self.file("scenario.toml", text)
            .args(["run", "scenario.toml", "--out", "out"])
    }

    pub(crate) fn file(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = self.home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    /// Where it runs.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: &str) -> Self {
        self.env.push((name, value.to_owned()));
        self
    }

    /// A path in the directory of this test.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = match self.shell {
            None => with_hangups(TELEMLOAD),
            Some(before) => {
                let mut shell = with_hangups("sh");
                shell
                    .args(["-c", &format!("{before}; exec \"$0\" \"$@\"")])
                    .arg(TELEMLOAD);
                shell
            }
        };
        command
            .args(&self.args)
            .current_dir(self.home.path())
            .env("XDG_CACHE_HOME", self.home.path().join("cache"))
            // What a test does is no result of the job that it runs in.
            .env_remove("GITHUB_ACTIONS")
            .env_remove("GITHUB_STEP_SUMMARY")
            .env_remove("GITHUB_WORKSPACE")
            .env_remove("CI_PROJECT_DIR")
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Starts it; both outputs go to files, so that neither ever waits for a reader.
    pub(crate) fn start(self) -> Running {
        let open = |name: &str| File::create(self.home.path().join(name)).unwrap();
        let child = self
            .command()
            // As a job of a shell has it: a signal to the group is one to the job, and not to the test.
            .process_group(0)
            .stdout(open("stdout"))
            .stderr(open("stderr"))
            .spawn()
            .unwrap();
        Running {
            child,
            home: self.home,
        }
    }

    pub(crate) fn run(self) -> Outcome {
        self.start().wait()
    }
}

/// A program that SIGHUP ends, whoever started the tests: under `nohup` it would be ignored in all that they start.
fn with_hangups(program: &str) -> Command {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .unwrap();
    let ignored = u64::from_str_radix(ignored.trim(), 16).unwrap();
    if ignored & 1 == 0 {
        return Command::new(program);
    }
    let mut command = Command::new("/usr/bin/env");
    command.args(["--default-signal=HUP", program]);
    command
}

/// A run that has not ended; it does not outlive the test.
pub(crate) struct Running {
    child: Child,
    home: Arc<TempDir>,
}

impl Running {
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.home.path().join(name)).unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn wait_for_stderr(&self, words: &str) {
        until(&format!("{words:?} on stderr"), || {
            let (is_over, said) = (ended(self.pid()), self.read("stderr"));
            assert!(said.contains(words) || !is_over, "no {words:?}: {said}");
            said.contains(words).then_some(())
        });
    }

    /// Waits until so many intervals are in the series of the scenario's only phase.
    #[track_caller]
    pub(crate) fn wait_for_rows(&self, rows: usize) {
        until(&format!("{rows} rows, {}", self.read("stderr")), || {
            let series = self.read("out/default/load/series.csv");
            (series.matches('\n').count() > rows).then_some(())
        });
    }

    /// OK answers in the intervals that are in that series so far, of 100 ms each.
    pub(crate) fn answered(&self) -> usize {
        let series = self.read("out/default/load/series.csv");
        // The last line may not be whole yet.
        let (whole, _) = series.rsplit_once('\n').unwrap_or_default();
        if whole.is_empty() {
            return 0;
        }
        let rows = rows(whole);
        let per_second = rows.iter().filter_map(|row| row.get("throughput_rps"));
        let per_second: f64 = per_second.sum();
        (per_second * 0.1).round() as usize
    }

    /// Waits until there are so many.
    #[track_caller]
    pub(crate) fn wait_for_answers(&self, count: usize) {
        until(&format!("{count} answers, {}", self.read("stderr")), || {
            (self.answered() >= count).then_some(())
        });
    }

    pub(crate) fn signal(&self, what: Signal) {
        signal(self.pid(), what);
    }

    #[track_caller]
    pub(crate) fn wait(mut self) -> Outcome {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            let said = self.read("stderr");
            assert!(start.elapsed() < 2 * LONG, "it never ended: {said}");
            thread::sleep(Duration::from_millis(5));
        };
        Outcome {
            code: status.code(),
            stdout: self.read("stdout"),
            stderr: self.read("stderr"),
            home: Arc::clone(&self.home),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A JSON document, which is as `docs/NAME.schema.json` says.
#[track_caller]
pub(crate) fn as_documented(name: &str, document: &str) -> Value {
    let document = serde_json::from_str(document).unwrap();
    let errors: Vec<String> = schema(name)
        .iter_errors(&document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    document
}

/// `docs/NAME.schema.json`, which is compiled once for all tests: without optimisation that takes longer than what it is held against.
fn schema(name: &str) -> Arc<Validator> {
    static COMPILED: Mutex<BTreeMap<String, Arc<Validator>>> = Mutex::new(BTreeMap::new());
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let compile = || {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
        let schema = fs::read(docs.join(format!("{name}.schema.json"))).unwrap();
        let schema = serde_json::from_slice(&schema).unwrap();
        Arc::new(jsonschema::draft202012::new(&schema).unwrap())
    };
    Arc::clone(compiled.entry(name.to_owned()).or_insert_with(compile))
}

/// A run that has ended.
pub(crate) struct Outcome {
    /// `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    home: Arc<TempDir>,
}

impl Outcome {
    /// A run that a script has started, whose directory is `out` in `home`.
    pub(crate) fn of_script(home: TempDir, code: i32, stdout: String) -> Self {
        Self {
            code: Some(code),
            stdout,
            stderr: String::new(),
            home: Arc::new(home),
        }
    }

    /// One of these exit codes, where a busy machine decides which.
    #[track_caller]
    pub(crate) fn expect_one_of(self, codes: &[i32]) -> Self {
        let is_one = self.code.is_some_and(|code| codes.contains(&code));
        assert!(is_one, "{:?}\n{}{}", self.code, self.stdout, self.stderr);
        self
    }

    /// The exit code, and what stderr says.
    #[track_caller]
    pub(crate) fn expect(self, code: i32, says: &[&str]) -> Self {
        let all = || format!("stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        assert_eq!(self.code, Some(code), "{}", all());
        for words in says {
            assert!(self.stderr.contains(words), "no {words:?} in {}", all());
        }
        self
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.home.path().join("out")
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    #[track_caller]
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.dir().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The result, which is as documented.
    #[track_caller]
    pub(crate) fn result(&self) -> Value {
        as_documented("result", &self.read("result.json"))
    }

    /// A phase of the result.
    #[track_caller]
    pub(crate) fn phase(&self, variant: &str, phase: &str) -> Value {
        phase_of(&self.result(), variant, phase)
    }

    /// The only phase of a scenario without variants.
    #[track_caller]
    pub(crate) fn only_phase(&self) -> Value {
        self.phase("default", "load")
    }

    #[track_caller]
    pub(crate) fn series(&self, of: &str) -> Vec<Row> {
        rows(&self.read(&format!("{of}/series.csv")))
    }

    /// All files below the run directory.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let (mut found, mut pending) = (Vec::new(), vec![self.dir()]);
        while let Some(directory) = pending.pop() {
            for entry in fs::read_dir(directory).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    pending.push(path);
                } else {
                    found.push(path);
                }
            }
        }
        found
    }
}

#[track_caller]
pub(crate) fn phase_of(result: &Value, variant: &str, phase: &str) -> Value {
    let named = |list: &Value, name: &str| {
        let found = list
            .as_array()
            .and_then(|items| items.iter().find(|item| item["name"] == name));
        found
            .unwrap_or_else(|| panic!("no {name} in {list:#}"))
            .clone()
    };
    named(&named(&result["variants"], variant)["phases"], phase)
}

/// A row of a series: values by column; empty ones are left out.
pub(crate) type Row = BTreeMap<String, f64>;

pub(crate) fn rows(csv: &str) -> Vec<Row> {
    let mut lines = csv.lines();
    let columns: Vec<&str> = lines.next().unwrap().split(',').collect();
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            assert_eq!(cells.len(), columns.len(), "{line}");
            let known = columns
                .iter()
                .zip(cells)
                .filter(|(_, cell)| !cell.is_empty());
            known
                .map(|(column, cell)| ((*column).to_owned(), cell.parse().unwrap()))
                .collect()
        })
        .collect()
}

pub(crate) fn signal(pid: i32, what: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), what).unwrap();
}

/// Gone, or a zombie that an init does not reap.
pub(crate) fn ended(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .is_none_or(|rest| rest.is_empty() || rest.trim_start().starts_with('Z'))
}

#[track_caller]
pub(crate) fn all_end(pids: &[i32]) {
    for pid in pids {
        until(&format!("the end of {pid}"), || ended(*pid).then_some(()));
    }
}

/// A process below another one.
#[derive(Debug, Clone)]
pub(crate) struct Descendant {
    pub(crate) pid: i32,
    /// Arguments, joined by spaces.
    pub(crate) cmdline: String,
}

/// All processes below `root`.
pub(crate) fn descendants(root: i32) -> Vec<Descendant> {
    let processes: Vec<(i32, i32)> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| {
            let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let parent = stat.rsplit(')').next()?.split_whitespace().nth(1)?;
            Some((pid, parent.parse().ok()?))
        })
        .collect();
    let (mut found, mut pending) = (Vec::new(), vec![root]);
    while let Some(parent) = pending.pop() {
        for &(pid, _) in processes.iter().filter(|(_, above)| *above == parent) {
            pending.push(pid);
            let cmdline = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let cmdline = String::from_utf8_lossy(&cmdline).replace('\0', " ");
            found.push(Descendant { pid, cmdline });
        }
    }
    found
}

/// A process below `root` whose command line contains `words`.
#[track_caller]
pub(crate) fn descendant(root: i32, words: &str) -> i32 {
    until(&format!("a process {words:?}"), || {
        let below = descendants(root);
        let found = below
            .iter()
            .find(|process| process.cmdline.contains(words) && !process.cmdline.contains("-with-"));
        found.map(|process| process.pid)
    })
}

/// Answers every request with `status` and what it said, or with what `answer` makes of that.
pub(crate) fn echo(status: &'static str, answer: fn(&str) -> String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || while echo_one(&stream, status, answer).is_some() {});
        }
    });
    address
}

fn echo_one(mut stream: &TcpStream, status: &str, answer: fn(&str) -> String) -> Option<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let body = answer(&String::from_utf8_lossy(&head));
    let response = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(response.as_bytes()).ok()
}

/// A port that nothing listens on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A scenario of the bundled gateway with a fleet `cars`, closed loop; `more` is what the test adds.
pub(crate) fn gateway_scenario(duration: &str, more: &str) -> String {
    format!(
        r#"name = "test"
interval = "100ms"
[target]
gateway = {{ auth = "singleflight", bcrypt_cost = 4, cpus = 1, body_limit_kib = 1, user_kib = 1 }}
[fleet.cars]
devices = 4
seed = 7
[fleet.thieves]
devices = 4
seed = 8
valid = false
[load]
model = "closed"
connections = 2
duration = "{duration}"
timeout = "5s"
{more}"#
    )
}

/// The same at a rate that leaves the CPU to other tests; a machine that is too busy even for that is no failure.
pub(crate) fn paced(scenario: &str) -> String {
    let closed = "model = \"closed\"\nconnections = 2\n";
    assert!(scenario.contains(closed), "{scenario}");
    let open = "model = \"open\"\nrate = \"100/s\"\nconnections = 2\noverload = true\n";
    scenario.replace(closed, open)
}

/// A request of a device of `fleet`.
pub(crate) fn device_request(fleet: &str) -> String {
    format!(
        r#"
[[request]]
name = "{fleet}"
fleet = "{fleet}"
method = "POST"
path = "/v1/telemetry"
headers = {{ X-Device-Id = "{{{{device.id}}}}", X-Device-Token = "{{{{device.secret}}}}", Content-Type = "application/json" }}
body = '{{"seq":{{{{seq}}}}}}'
"#
    )
}

/// A scenario that sends GET / to a URL, closed loop.
pub(crate) fn url_scenario(address: SocketAddr, duration: &str, more: &str) -> String {
    format!(
        r#"name = "test"
interval = "100ms"
[target]
url = "http://{address}"
[load]
model = "closed"
connections = 2
duration = "{duration}"
timeout = "5s"
[[request]]
name = "get"
path = "/"
{more}"#
    )
}

/// A scenario whose target is a command.
pub(crate) fn command_scenario(command: &str, more: &str) -> String {
    format!(
        r#"name = "test"
interval = "100ms"
[target]
command = '''{command}'''
{more}
[load]
model = "closed"
connections = 2
duration = "400ms"
[[request]]
name = "get"
path = "/healthz"
"#
    )
}

/// Processes below a run that loads, once there are as many as it needs.
#[track_caller]
pub(crate) fn processes(root: i32, at_least: usize) -> Vec<i32> {
    until(&format!("{at_least} processes"), || {
        let below = descendants(root);
        (below.len() >= at_least).then(|| below.iter().map(|process| process.pid).collect())
    })
}

/// A file of `tests/data`.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

/// How Redis is started as a service.
pub(crate) const REDIS: &str =
    "redis-server --port {port} --bind 127.0.0.1 --save '' --appendonly no";

pub(crate) fn service(name: &str, command: &str) -> String {
    format!("[[service]]\nname = \"{name}\"\ncommand = '''{command}'''\n")
}
