//! Shards on engines that people run: GNU parallel over ssh to three addresses of this machine, and Slurm. All of it is started here, in
//! directories of its own, and ended by its process ids.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bed::{TELEMLOAD, TestBed, as_documented, free_port, signal, until};

/// A process that does not outlive the test.
struct Daemon(Child);

impl Daemon {
    fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A gateway that acknowledges what is stored, and a directory for all that a test writes.
struct Bench {
    home: TempDir,
    port: u16,
    _gateway: Daemon,
}

impl Bench {
    fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let port = free_port();
        let launch = json!({
            "listen": format!("127.0.0.1:{port}"),
            "config": {
                "cpus": 1, "user_kib": 1, "sink": format!("file://{}/sink", home.path().display()),
                "ingest": "pool", "ack": "stored", "batch_age": "5ms", "max_queue": 10_000,
            },
        });
        let mut child = Command::new(TELEMLOAD)
            .args(["gateway", "--stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(fs::File::create(home.path().join("gateway.log")).unwrap())
            .spawn()
            .unwrap();
        let text = launch.to_string();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let gateway = Daemon(child);
        let bench = Self {
            home,
            port,
            _gateway: gateway,
        };
        until("the gateway", || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Stores a scenario whose payloads are called as their requests are numbered.
    fn scenario(&self, duration: &str) {
        let text = format!(
            r#"name = "split"
seed = 7
interval = "100ms"
allow_untrusted = true
[target]
url = "http://127.0.0.1:{}"
[load]
model = "open"
rate = "300/s"
connections = 30
workers = 1
duration = "{duration}"
timeout = "5s"
[[request]]
name = "payloads"
method = "POST"
path = "/v1/payloads"
body = '{{"payloads":[{{"id":"n{{{{seq}}}}"}}]}}'
acknowledged = ["n{{{{seq}}}}"]
"#,
            self.port
        );
        fs::write(self.path("scenario.toml"), text).unwrap();
    }

    /// The command of each shard, which begins some seconds from now.
    fn run(&self, results: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let words = [
            TELEMLOAD,
            "run",
            &self.path("scenario.toml").display().to_string(),
            "--shard",
            "auto",
            "--start-at",
            &(now.as_secs() + 8).to_string(),
            "--out",
            &self.path(results).display().to_string(),
        ];
        shlex::try_join(words).unwrap()
    }

    /// Merges what three shards left; the exit code, what was said, and the result.
    fn merge(&self, results: &str) -> (Option<i32>, String, Value) {
        let out = self.path(&format!("{results}-merged"));
        let shards = fs::read_dir(self.path(results)).unwrap();
        let shards: BTreeSet<PathBuf> = shards.map(|entry| entry.unwrap().path()).collect();
        let merged = TestBed::new()
            .args(["merge".as_ref(), "--out".as_ref(), out.as_os_str()])
            .args(shards)
            .run();
        let said = format!("{}{}", merged.stdout, merged.stderr);
        let result = fs::read_to_string(out.join("result.json"));
        let result = result.unwrap_or_else(|error| panic!("{error}: {said}"));
        (merged.code, said, as_documented("result", &result))
    }

    /// Whether all that was acknowledged is stored once, and is `n0` to the last number.
    fn proves(&self, results: &str, count: u64) {
        let list = self.path(&format!("{results}-merged/default/load/acknowledged.ids"));
        let text = fs::read_to_string(&list).unwrap();
        let ids: BTreeSet<&str> = text.lines().collect();
        assert_eq!(
            (ids.len() as u64, text.lines().count() as u64),
            (count, count)
        );
        assert!((0..count).all(|n| ids.contains(format!("n{n}").as_str())));
        let sink = format!("file://{}/sink", self.home.path().display());
        let proof = TestBed::new()
            .args(["gateway", "verify-sink", "--sink", &sink, "--acknowledged"])
            .args([list.as_os_str()])
            .run()
            .expect(0, &[]);
        let stored = proof
            .stdout
            .lines()
            .find(|line| line.starts_with("stored once"));
        let stored = stored.and_then(|line| line.split_whitespace().nth(2));
        assert_eq!(stored, Some(count.to_string().as_str()), "{}", proof.stdout);
    }
}

/// A run of three shards with nothing lost.
#[track_caller]
fn is_whole(result: &Value, said: &str, due: u64) {
    let phase = &result["variants"][0]["phases"][0];
    assert_eq!(phase["requests"]["due"], due, "{said}");
    assert_eq!(phase["requests"]["ok"], due, "{said}");
    let shards = result["shards"].as_array().unwrap();
    let parts: u64 = shards
        .iter()
        .map(|of| of["windows"][0]["due"].as_u64().unwrap())
        .sum();
    assert_eq!((shards.len(), parts), (3, due), "{said}");
}

fn ended_well(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?} {said}", output.status);
}

#[test]
fn three_shards_over_ssh_are_one_run_and_all_that_was_acknowledged_is_stored_once() {
    let bench = Bench::start();
    bench.scenario("1s");
    let (sshd, port) = sshd(&bench);
    let hosts = ["127.0.0.2", "127.0.0.3", "127.0.0.4"].map(|host| {
        let key = bench.path("key");
        format!(
            "ssh -p {port} -i {} -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR {host}",
            key.display()
        )
    });
    let command = format!("TELEMLOAD_SHARDS=3 {}", bench.run("ssh"));
    let output = Command::new("parallel")
        .args([
            "--will-cite",
            "-j",
            "1",
            "-N0",
            "-S",
            &hosts.join(","),
            &command,
            ":::",
            "0",
            "1",
            "2",
        ])
        .env("HOME", bench.home.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    ended_well(&output);
    drop(sshd);
    let (code, said, result) = bench.merge("ssh");
    // A machine that is too busy to send in time makes it 3.
    assert!([Some(0), Some(3)].contains(&code), "{code:?} {said}");
    is_whole(&result, &said, 300);
    bench.proves("ssh", 300);
    let page = fs::read_to_string(bench.path("ssh-merged/report.html")).unwrap();
    assert!(page.contains("id=\"shards\""));
}

/// A server of ssh at 127.0.0.2 to 127.0.0.4 that takes one key.
fn sshd(bench: &Bench) -> (Daemon, u16) {
    let port = free_port();
    for name in ["host_key", "key"] {
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(bench.path(name))
            .status();
        assert!(made.unwrap().success());
    }
    fs::copy(bench.path("key.pub"), bench.path("authorized_keys")).unwrap();
    // Where sshd puts what has no rights.
    fs::create_dir_all("/run/sshd").unwrap();
    let listen: String = (2..=4)
        .map(|last| format!("ListenAddress 127.0.0.{last}:{port}\n"))
        .collect();
    let config = format!(
        "{listen}HostKey {0}/host_key\nAuthorizedKeysFile {0}/authorized_keys\nPidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n",
        bench.home.path().display()
    );
    fs::write(bench.path("sshd_config"), config).unwrap();
    let log = fs::File::create(bench.path("sshd.log")).unwrap();
    let daemon = Daemon::start(
        Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(bench.path("sshd_config"))
            .stderr(log),
    );
    until("sshd", || TcpStream::connect(("127.0.0.4", port)).ok());
    (daemon, port)
}

#[test]
fn slurm_gives_each_task_its_shard_and_one_that_is_killed_is_named() {
    let bench = Bench::start();
    bench.scenario("1s");
    let slurm = Slurm::start(&bench);
    ended_well(&slurm.srun(&bench.run("slurm")).output().unwrap());
    let (code, said, result) = bench.merge("slurm");
    // A machine that is too busy to send in time makes it 3.
    assert!([Some(0), Some(3)].contains(&code), "{code:?} {said}");
    is_whole(&result, &said, 300);
    bench.proves("slurm", 300);
    bench.scenario("3s");
    let mut job = slurm.srun(&bench.run("killed")).spawn().unwrap();
    let series = bench.path("killed/shard-1/default/load/series.csv");
    until("the load of shard 1", || {
        let rows = fs::read_to_string(&series).unwrap_or_default();
        (rows.lines().count() > 3).then_some(())
    });
    signal(task(1), Signal::KILL);
    job.wait().unwrap();
    let (code, said, result) = bench.merge("killed");
    assert_eq!(code, Some(4), "{said}");
    for words in [
        "incomplete: shard 1 of 3 left no result (",
        "300 requests were its part",
    ] {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
    let phase = &result["variants"][0]["phases"][0];
    assert_eq!(phase["requests"]["due"], 600);
    assert_eq!(result["shards"][1]["lost"]["due"], 300);
}

/// The process of a task of Slurm that runs telemload.
fn task(index: u32) -> i32 {
    let own = format!("SLURM_PROCID={index}");
    until("the task", || {
        let found = fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let process: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let environ = fs::read(format!("/proc/{process}/environ")).ok()?;
            let command = fs::read(format!("/proc/{process}/cmdline")).ok()?;
            let is_run = command.starts_with(TELEMLOAD.as_bytes());
            let mut names = environ.split(|byte| *byte == 0);
            (is_run && names.any(|name| name == own.as_bytes())).then_some(process)
        });
        found.min()
    })
}

/// A cluster of this machine.
struct Slurm {
    config: PathBuf,
    _daemons: [Daemon; 2],
}

impl Slurm {
    fn start(bench: &Bench) -> Self {
        let dir = bench.path("slurm-state");
        for name in ["state", "spool"] {
            fs::create_dir_all(dir.join(name)).unwrap();
        }
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let host = host.trim().split('.').next().unwrap().to_owned();
        let (server, node) = (free_port(), free_port());
        let text = format!(
            "ClusterName=test\nSlurmctldHost={host}(127.0.0.1)\nSlurmUser=root\nSlurmdUser=root\nAuthType=auth/none\nCredType=cred/none\nProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nSwitchType=switch/none\nMpiDefault=none\nJobAcctGatherType=jobacct_gather/none\nSelectType=select/linear\nReturnToService=2\nSlurmctldPort={server}\nSlurmdPort={node}\nSlurmctldPidFile={0}/ctld.pid\nSlurmdPidFile={0}/d.pid\nStateSaveLocation={0}/state\nSlurmdSpoolDir={0}/spool\nNodeName={host} NodeAddr=127.0.0.1 CPUs={1} State=UNKNOWN\nPartitionName=all Nodes={host} Default=YES OverSubscribe=FORCE:4 MaxTime=5 State=UP\n",
            dir.display(),
            std::thread::available_parallelism().unwrap()
        );
        let config = dir.join("slurm.conf");
        fs::write(&config, text).unwrap();
        let daemon = |program: &str, more: &[&str]| {
            let log = fs::File::create(dir.join(format!("{program}.log"))).unwrap();
            Daemon::start(
                Command::new(format!("/usr/sbin/{program}"))
                    .args(["-D", "-f"])
                    .arg(&config)
                    .args(more)
                    .stdout(Stdio::null())
                    .stderr(log),
            )
        };
        let daemons = [
            daemon("slurmctld", &["-c"]),
            daemon("slurmd", &["-N", &host]),
        ];
        let slurm = Self {
            config,
            _daemons: daemons,
        };
        until("a node of Slurm", || {
            let said = slurm
                .command("sinfo")
                .args(["-h", "-o", "%T"])
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&said.stdout).into_owned();
            ["idle", "mixed"]
                .iter()
                .any(|of| said.starts_with(of))
                .then_some(())
        });
        slurm
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("SLURM_CONF", &self.config).stdin(Stdio::null());
        command
    }

    /// Three tasks, however few CPUs there are.
    fn srun(&self, shard: &str) -> Command {
        let mut command = self.command("srun");
        command
            .args(["-n", "3", "-O", "--chdir"])
            .arg(Path::new("/"))
            .args(["sh", "-c", shard])
            .stderr(Stdio::piped())
            .stdout(Stdio::null());
        command
    }
}
