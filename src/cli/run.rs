//! `telemload run`: a scenario or a URL.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use super::ci::{AtScenario, Outputs, in_repository};
use super::completions::variants;
use super::conclusion::{Conclusion, Patience};
use super::exit::{Usage, unkept};
use super::files::made;
use super::foreign::{Foreign, Typed, plan as plan_of_another};
use super::limits::{AtOnce, allow_connections, warn_of_ports};
use super::listen::Bound;
use super::live::Served;
use super::output::{print, progress, say};
use super::proofs::proofs;
use super::signals::{Answered, Signals};
use super::values::{Timeout, count, header, method, rate, seconds, timeout, user};
use super::watching::Watching;
use super::{ad_hoc, body, shard, stored};
use crate::experiment::{self, RunDir};
use crate::gate::{Outcome, too_busy};
use crate::report::terminal::detail::Detail;
use crate::report::terminal::dry_run;
use crate::result::RunResult;
use crate::scenario::{self, Header, Overrides, Plan, TlsFlags};
use crate::selftest::{Floor, floor};
use crate::traffic::redact::{visible, without_credentials};
use crate::traffic::wall_clock;
use crate::units::Rate;

/// Replay a scenario variant by variant, or load a URL; print the summary and the comparisons.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "telemload run [OPTIONS] <SCENARIO.toml | URL>",
    after_help = "Examples:
  telemload run scenarios/200-to-20000.toml
  telemload run -d 5 -c 10 -H 'X-Device-Id: d1' http://127.0.0.1:8080/v1/telemetry
  telemload run -R 2000/s -d 30s --pprof http://127.0.0.1:6060/debug/pprof/profile http://127.0.0.1:8080/

Exit codes: 0 pass · 1 a threshold failed · 2 usage or scenario error · 3 inconclusive ·
4 invalid (target unreachable, no OK response, planned rate not sent) · 5 internal or I/O error · 130 interrupted"
)]
pub(super) struct Args {
    /// Scenario file, or the URL to load.
    #[arg(value_name = "SCENARIO.toml | URL", value_hint = clap::ValueHint::AnyPath)]
    target: Option<String>,
    /// What else stands there.
    #[arg(hide = true)]
    rest: Vec<String>,
    /// Connections [default for a URL: 10].
    #[arg(short, long, alias = "concurrency", value_parser = count::<u32>, value_name = "N")]
    connections: Option<u32>,
    /// Length of the measured window; a bare number is seconds [default for a URL: 10s].
    #[arg(short, long, short_alias = 'z', value_parser = seconds)]
    duration: Option<Duration>,
    /// Header to send, as `Name: value`; repeatable. `Name:` takes it away, `Name;` sends it empty.
    #[arg(short = 'H', long = "header", value_parser = header, value_name = "NAME: VALUE")]
    headers: Vec<Header>,
    /// Method [default: POST with a body, else GET].
    #[arg(short = 'M', long, short_alias = 'X', alias = "request", value_parser = method)]
    method: Option<String>,
    /// Longest that a request may take; a bare number is milliseconds [default for a URL: 10s].
    #[arg(short = 'T', long, value_parser = timeout)]
    timeout: Option<Timeout>,
    /// Stop after this many requests.
    #[arg(short = 'n', long, value_parser = count::<u64>, value_name = "N")]
    requests: Option<u64>,
    /// Open loop at this rate, such as 2000/s; a bare number is requests a second.
    #[arg(short = 'R', long, value_parser = rate)]
    rate: Option<Rate>,
    /// Threads of the generator [default: half of the CPUs].
    #[arg(long, alias = "threads", visible_alias = "shard-workers", value_parser = count::<u32>, value_name = "N")]
    workers: Option<u32>,
    /// Seed of the mix, of arrivals and of random values [default: the scenario's, else a new one, which the result names].
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    body: body::Given,
    /// User and password, sent as `Authorization: Basic …`.
    #[arg(short = 'u', long, short_alias = 'a', alias = "basic-auth", value_parser = user, value_name = "USER:PASSWORD")]
    user: Option<(String, String)>,
    /// Profile the target through this pprof endpoint while it is loaded.
    #[arg(long, value_name = "URL")]
    pprof: Option<String>,
    /// Process of a local target, whose CPU is measured.
    #[arg(long)]
    pid: Option<u32>,
    /// PEM file with the authorities that may vouch for the target, instead of the system's.
    #[arg(long, value_name = "FILE", help_heading = "Connections")]
    cacert: Option<PathBuf>,
    /// PEM file with a client certificate and its chain, for a target that asks for one.
    #[arg(long, value_name = "FILE", help_heading = "Connections")]
    cert: Option<PathBuf>,
    /// PEM file with the private key of --cert.
    #[arg(long, value_name = "FILE", help_heading = "Connections")]
    key: Option<PathBuf>,
    /// Accept any certificate of the target.
    #[arg(long, help_heading = "Connections")]
    insecure: bool,
    /// Shake hands in full for each connection, as clients that come for the first time do.
    #[arg(long, help_heading = "Connections")]
    no_resumption: bool,
    /// Name that the target's certificate is for [default: the URL's host].
    #[arg(long, value_name = "NAME", help_heading = "Connections")]
    server_name: Option<String>,
    /// Connect there; the URL still names the target in the Host header and to TLS.
    #[arg(long, value_name = "HOST:PORT", help_heading = "Connections")]
    connect_to: Option<String>,
    /// Connect to a unix socket; the URL still names the target.
    #[arg(long, value_name = "PATH", help_heading = "Connections")]
    unix_socket: Option<PathBuf>,
    /// Forward proxy to go through; none is taken from the environment.
    #[arg(
        short = 'x',
        long,
        value_name = "http://[USER:PASSWORD@]HOST:PORT",
        help_heading = "Connections"
    )]
    proxy: Option<String>,
    /// Address of this machine that connections come from, or a network of them, in turn; repeatable.
    #[arg(long, value_name = "ADDR[/PREFIX]", help_heading = "Connections")]
    bind: Vec<String>,
    /// Open a connection for each request, with `Connection: close`.
    #[arg(long = "no-keepalive", aliases = ["no-keep-alive", "disable-keepalive"], help_heading = "Connections")]
    no_keep_alive: bool,
    /// Only this variant of the scenario.
    #[arg(long, add = variants())]
    variant: Option<String>,
    /// Run directory [default: runs/NAME-UTC_TIME].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Judge thresholds and comparisons also where the phase is not trusted.
    #[arg(long)]
    allow_untrusted: bool,
    /// Print the result as JSON instead of the summary.
    #[arg(long)]
    json: bool,
    /// Serve live figures for Prometheus until the command ends; without HOST on loopback.
    #[arg(long, value_name = "[HOST:]PORT")]
    live: Option<String>,
    /// No progress and no messages but errors.
    #[arg(short, long, alias = "silent")]
    quiet: bool,
    /// All that is known of functions in the summary.
    #[arg(long)]
    verbose: bool,
    /// Print the resolved plan and the first requests; send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Show secrets in a dry run, and in what failures say.
    #[arg(long)]
    show_secrets: bool,
    #[command(flatten)]
    shards: shard::ShardArgs,
    #[command(flatten)]
    ci: Outputs,
    #[command(flatten)]
    at_scenario: AtScenario,
    #[command(flatten)]
    typed: Typed,
    #[command(flatten)]
    foreign: Foreign,
}

pub(super) fn exec(args: &Args) -> anyhow::Result<u8> {
    let (mut plan, asked) = plan(args)?;
    if args.dry_run {
        print(&dry(&plan, asked.as_ref()))?;
        return Ok(0);
    }
    let unfit = asked.map(|asked| asked.settle(&mut plan, args.quiet));
    if let Some(words) = unfit.transpose()?.flatten() {
        let outcome = Outcome::Invalid(words);
        conclude(&outcome, args.quiet);
        return Ok(outcome.exit_code());
    }
    allow_connections(&plan, AtOnce::of(&plan))?;
    let scenario = args.target.as_deref().filter(|target| !is_url(target));
    args.at_scenario.check(&args.ci, scenario.map(Path::new))?;
    let scenario = scenario.map(in_repository);
    if !args.quiet {
        before(&plan);
    }
    let live = (args.live.as_deref()).map(|at| Bound::at("--live", at));
    let live = live.transpose()?;
    let started_at = wall_clock::now();
    // From before the directory is made, so that it holds a result whatever happens.
    let signals = Signals::listen(Answered::Second)?;
    let of_shard = (plan.part.as_ref()).map(|of| shard::directory(args.out.as_deref(), &plan, of));
    let out = of_shard.as_deref().or(args.out.as_deref());
    let dir = made(RunDir::create(out, &plan.name, &plan.text, started_at))?;
    stored::keep_judged(&plan, &dir)?;
    // Processes die with the thread that starts them: that is this one, for as long as the run lasts.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot set up the runtime")?;
    let stop = signals.stop();
    let progress = progress(args.quiet, &plan.name);
    let live = live.map(|bound| Served::serve(bound, progress.standing(), args.quiet));
    let live = live.transpose()?;
    let observer = Watching::new(progress, &plan.thresholds);
    let result = runtime.block_on(experiment::run(&plan, &dir, &observer, &stop, started_at));
    drop(observer);
    live.iter().for_each(Served::is_final);
    let patience = Patience {
        runtime: &runtime,
        so_far: stop.times(),
        stop,
        quiet: args.quiet,
    };
    let mut conclusion = Conclusion::of(plan.judged(), result, &patience);
    conclusion.store(&dir, &patience);
    // What may still run on its threads, such as the look-up of a name, is not waited for.
    runtime.shutdown_background();
    signals.release();
    let printed = show(args, &conclusion);
    let outcome = conclusion.outcome();
    conclude(&outcome, args.quiet);
    // The last lines of the summary say it already.
    if outcome == Outcome::Inconclusive && args.json && !args.quiet {
        too_busy(&conclusion.result)
            .for_each(|words| say(&format!("the machine was too busy to tell: {words}")));
    }
    if let Some(words) = short_timeout(args, &conclusion.result) {
        say(&words);
    }
    if !args.quiet {
        told(&plan, &conclusion, &dir);
    }
    let reported = report(args, &conclusion, scenario.as_deref());
    let written = conclusion.end().and(reported);
    written.map_err(|error| unkept(error, outcome.exit_code()))?;
    match printed {
        // A terminal that hung up takes no summary; that it did is what the exit code tells.
        Err(error) if outcome == Outcome::Interrupted => say(&format!("error: {error:#}")),
        printed => printed?,
    }
    last_question(live, &outcome, args.quiet);
    Ok(outcome.exit_code())
}

/// Where the run is, and how to see what it is worth.
fn told(plan: &Plan, conclusion: &Conclusion, dir: &RunDir) {
    if conclusion.is_stored {
        let (path, seed) = (dir.path().display(), plan.seed);
        say(&format!("stored in {path} (seed {seed})"));
    }
    let proofs = proofs(plan, &conclusion.result, dir);
    proofs.iter().for_each(|line| say(line));
}

/// What a run would do, and a part of it when.
fn dry(plan: &Plan, asked: Option<&shard::Asked<'_>>) -> String {
    let begins = asked.map(|of| dry_run::timetable(plan, of.shard, of.starts_at()));
    dry_run::render(plan) + &begins.unwrap_or_default()
}

/// What a user should know before the load.
fn before(plan: &Plan) {
    plan.notes
        .iter()
        .for_each(|note| say(&format!("note: {note}")));
    warn_of_ports(plan);
    if let Some(part) = &plan.part {
        say(&format!(
            "shard {} begins at {}",
            part.shard, part.starts_at
        ));
    }
}

/// Whoever follows the run may read how it ended, unless the user wished it to end.
fn last_question(live: Option<Served>, outcome: &Outcome, quiet: bool) {
    if let Some(live) = live.filter(|_| *outcome != Outcome::Interrupted) {
        live.last_question(quiet);
    }
}

/// Prints what was found, for people or for programs.
fn show(args: &Args, conclusion: &Conclusion) -> anyhow::Result<()> {
    if args.json {
        return print(&conclusion.document());
    }
    let machine = &conclusion.result.machine;
    let floor = floor::path().and_then(|path| Floor::known(&path, machine));
    let floor = floor.map(|floor| floor.quote());
    let detail = if args.verbose {
        Detail::Full
    } else {
        Detail::Brief
    };
    print(&conclusion.summary(floor.as_deref(), detail))
}

/// What CI systems read.
fn report(args: &Args, conclusion: &Conclusion, scenario: Option<&str>) -> anyhow::Result<()> {
    let checks = conclusion.checks(scenario);
    let written = args.ci.write(&checks, &conclusion.markdown());
    written.and(args.at_scenario.write(&checks, scenario))
}

fn conclude(outcome: &Outcome, quiet: bool) {
    match outcome {
        Outcome::Internal(message) => say(&format!("error: {message}")),
        Outcome::Invalid(message) => say(&format!("invalid: {message}")),
        Outcome::Interrupted => say("interrupted: what was measured until then is kept and marked"),
        Outcome::Fail if !quiet => say("a threshold failed"),
        Outcome::Inconclusive if !quiet => say("a threshold could not be judged"),
        _ => {}
    }
}

fn plan(args: &Args) -> anyhow::Result<(Plan, Option<shard::Asked<'_>>)> {
    let target = target(args)?;
    let is_url = is_url(target);
    let mut overrides = overrides(args, target)?;
    let mut asked = args.shards.asked()?;
    overrides.shards = asked.as_ref().map(|asked| asked.shard.count());
    let mut notes = Vec::new();
    notes.extend(as_typed(args, is_url));
    let planned = if is_url {
        if overrides.variant.is_some() {
            return Err(Usage("--variant goes with a scenario, not with a URL".to_owned()).into());
        }
        // A number of requests takes as long as it takes.
        let duration = if args.requests.is_some() { "1h" } else { "10s" };
        let text = ad_hoc::scenario(target, duration, &mut notes)?;
        scenario::parse("command line", &text, Path::new("."), &overrides)
    } else {
        scenario::load(Path::new(target), &overrides)
    };
    let mut plan = planned.map_err(|error| Usage(error.to_string()))?;
    plan.notes.extend(notes);
    if plan.seed == overrides.fresh_seed {
        asked.iter_mut().for_each(shard::Asked::draw_seed);
    }
    Ok((plan, asked))
}

/// What is taken as it is written, and may have been meant otherwise.
fn as_typed(args: &Args, is_url: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if args.typed.location {
        notes.push("redirects are not followed: an answer that redirects is a failure, which names where it leads".to_owned());
    }
    let method = args.method.as_ref().or(args.typed.method_or_time.as_ref());
    let is_plain = |c: char| c.is_ascii_uppercase() || c == '-';
    if let Some(method) = method.filter(|method| !method.chars().all(is_plain)) {
        notes.push(format!(
            "the method `{}` is sent as it is written; those of HTTP are GET, POST and the like, in capitals",
            visible(method)
        ));
    }
    let has_body = matches!(method.map(String::as_str), Some("POST" | "PUT" | "PATCH"));
    if is_url && has_body && args.duration.is_some() && !args.body.is_given() {
        notes.push("-d is how long the load lasts, and the requests have no body; one is --body TEXT, or --data TEXT as in curl".to_owned());
    }
    notes.extend(args.body.file_as_text());
    notes
}

fn is_url(target: &str) -> bool {
    target.contains("://")
}

/// The one scenario or URL; what else was typed was meant otherwise.
fn target(args: &Args) -> Result<&str, Usage> {
    let refused = |words: String| Err(Usage(words));
    if let Some(words) = &args.foreign.refused {
        return refused(words.clone());
    }
    if args.target.is_some() && args.typed.url.is_some() {
        return refused("--url is the URL to load, and another word stands where it does; leave one of them out".to_owned());
    }
    let Some(target) = args.target.as_ref().or(args.typed.url.as_ref()) else {
        return refused(
            "name a scenario file or a URL: telemload run <SCENARIO.toml | URL>; behind a flag that has a value it is taken for that; --help shows what else there is".to_owned(),
        );
    };
    if args.json && target.starts_with(['{', '[', '@', '"']) {
        return refused("--json prints the result as JSON; a body is --body TEXT with -H 'Content-Type: application/json'".to_owned());
    }
    if args.quiet && target.parse::<f64>().is_ok() {
        return refused(format!(
            "-q is --quiet; a rate is -R {target}, of all connections together (in hey -q is that of each worker)"
        ));
    }
    if !args.rest.is_empty() {
        // Any of them may be a part of a credential.
        let words = std::iter::once(target).chain(&args.rest);
        let known = words.filter(|word| word.contains("://") || word.ends_with(".toml"));
        let known: Vec<_> = known
            .map(|word| format!("`{}`", visible(&without_credentials(word))))
            .collect();
        return refused(format!(
            "there is one scenario or URL, and here are {} words that stand where it does{}{}; put a value in quotes if it has spaces",
            args.rest.len() + 1,
            if known.is_empty() { "" } else { ", of them " },
            known.join(" and "),
        ));
    }
    if let Some(words) = plan_of_another(target) {
        return refused(words);
    }
    Ok(target)
}

fn overrides(args: &Args, target: &str) -> Result<Overrides, Usage> {
    let typed = &args.typed;
    let mut headers = args.headers.clone();
    let user = args.user.as_ref();
    headers.extend(user.map(|(user, password)| Header::basic(user, password)));
    let mut brings = |name: &str, value: Option<String>| {
        headers.extend(value.map(|value| Header {
            name: name.to_owned(),
            value: Some(value),
            is_default: true,
        }));
    };
    brings("Cookie", typed.cookie.clone());
    brings("User-Agent", typed.user_agent.clone());
    brings("Referer", typed.referer.clone());
    let encodings = "gzip, deflate, br, zstd".to_owned();
    brings("Accept-Encoding", typed.compressed.then_some(encodings));
    let (body, header) = args.body.read()?.unzip();
    headers.extend(header.flatten());
    let head = typed.head.then(|| "HEAD".to_owned());
    // Over http it changes nothing, and browsers write it there too.
    let is_plain = (target.get(..7)).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"));
    let insecure = (args.insecure || typed.k) && !is_plain;
    Ok(Overrides {
        budget: None,
        target: None,
        before_command: None,
        connections: args.connections,
        duration: args.duration,
        timeout: args.timeout.as_ref().map(|timeout| timeout.length),
        rate: args.rate,
        requests: args.requests,
        workers: args.workers,
        headers,
        method: (args.method.clone())
            .or_else(|| typed.method_or_time.clone())
            .or(head),
        body,
        pprof: args.pprof.clone(),
        pid: args.pid,
        tls: TlsFlags {
            ca: args.cacert.clone(),
            cert: args.cert.clone(),
            key: args.key.clone(),
            server_name: args.server_name.clone(),
            insecure,
            no_resumption: args.no_resumption,
        },
        connect_to: args.connect_to.clone(),
        unix_socket: args.unix_socket.clone(),
        proxy: args.proxy.clone(),
        bind: (!args.bind.is_empty()).then(|| args.bind.join(",")),
        no_keep_alive: args.no_keep_alive,
        seed: args.seed,
        fresh_seed: fresh_seed(),
        shards: None,
        variant: args.variant.clone(),
        allow_untrusted: args.allow_untrusted,
        show_secrets: args.show_secrets,
    })
}

/// Another one in each run. JSON's readers have 53 bits for a number.
pub(super) fn fresh_seed() -> u64 {
    RandomState::new().build_hasher().finish() >> 11
}

/// A time-out without a unit that requests did not meet, in the words of its unit.
fn short_timeout(args: &Args, result: &RunResult) -> Option<String> {
    let number = args.timeout.as_ref()?.bare.as_ref()?;
    let phases = result.variants.iter().flat_map(|variant| &variant.phases);
    let timed_out: u64 = phases.map(|phase| phase.total().timed_out).sum();
    (timed_out > 0).then(|| {
        let requests = if timed_out == 1 { "request" } else { "requests" };
        format!("-T {number} is {number} ms, and {timed_out} {requests} took longer; for {number} seconds write -T {number}s")
    })
}
