//! `telemload flame`: profiles on their own, without a run.

mod capture;
mod diff;

use std::path::PathBuf;

use super::exit::Usage;
use super::files::write;
use super::input::Reading;
use super::output::{print, say};
use super::path::{at_most_one_stdin, is_stdio, name, shown};
use crate::profile::{
    FunctionTable, Labelled, Profile, doubts, encode, flamegraph, folded, worth_a_row,
};
use crate::report::figures::top::{Order, Top, observed};
use crate::report::{document, terminal, text};
use crate::units::{format_count, printable};

/// Profiles on their own: pprof, folded stacks and `perf script` text in; tables, flame graphs and differences out.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  telemload flame capture --url http://127.0.0.1:6060/debug/pprof/profile -d 30s -o before.pb.gz
  telemload flame top before.pb.gz
  perf script | telemload flame render - > flame.svg
  telemload flame diff before.pb.gz after.pb.gz -o diff.html")]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Top(TopArgs),
    Render(RenderArgs),
    Diff(diff::Args),
    Capture(capture::Args),
}

/// The functions of a profile, with their shares and intervals.
#[derive(Debug, clap::Args)]
struct TopArgs {
    /// Profiles, gzipped or not; `-` is standard input. Several are the slices of one capture.
    #[arg(value_name = "PROFILE", required = true)]
    profiles: Vec<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    /// How many functions [default: 20; all with --json and --csv].
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<usize>,
    /// Order by the share of the function itself, or with what it calls.
    #[arg(long, value_name = "ORDER", default_value = "self", value_parser = order)]
    sort: Order,
    /// List the labels of a profile.proto's samples (of a perf text: its threads), with their samples.
    #[arg(long, conflicts_with_all = ["json", "csv", "by"])]
    labels: bool,
    /// A table for each value of a label, such as endpoint or thread.
    #[arg(long, value_name = "KEY", conflicts_with_all = ["json", "csv", "label"])]
    by: Option<String>,
    /// Print JSON.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV.
    #[arg(long)]
    csv: bool,
}

/// A flame graph of a profile, or the profile in another format.
#[derive(Debug, clap::Args)]
struct RenderArgs {
    /// Profiles, gzipped or not; `-` is standard input. Several are the slices of one capture.
    #[arg(value_name = "PROFILE", required = true)]
    profiles: Vec<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    /// svg: flame graph; folded: folded stacks; pprof: profile.proto, gzipped [default: by the end of --out, else svg].
    #[arg(long, value_name = "FORMAT", value_parser = ["svg", "folded", "pprof"])]
    format: Option<String>,
    /// Title of the graph [default: the file's name].
    #[arg(long)]
    title: Option<String>,
    /// File to write; `-` is standard output.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
}

/// Functions that a table for people has if nothing else is said.
const SHOWN: usize = 20;

fn order(text: &str) -> Result<Order, String> {
    match text {
        "self" => Ok(Order::Own),
        "total" => Ok(Order::Total),
        _ => Err("order by self or total".to_owned()),
    }
}

pub(super) fn exec(args: &Args) -> anyhow::Result<u8> {
    match &args.verb {
        Verb::Top(args) => top(args),
        Verb::Render(args) => render(args),
        Verb::Diff(args) => diff::exec(args),
        Verb::Capture(args) => capture::exec(args),
    }
}

fn top(args: &TopArgs) -> anyhow::Result<u8> {
    at_most_one_stdin(args.profiles.iter().map(PathBuf::as_path))?;
    if args.labels || args.by.is_some() {
        return labels(args);
    }
    let profile = args.reading.profiles(&args.profiles)?;
    if profile.is_empty() {
        let name = shown(&args.profiles[0]);
        return Err(Usage(format!("{name}: {}", crate::profile::Error::Empty)).into());
    }
    say_doubts(&profile);
    let functions = FunctionTable::of(&profile);
    let top = Top {
        profile: &profile,
        functions: &functions,
        limit: args.limit.or((!args.json && !args.csv).then_some(SHOWN)),
        order: args.sort,
    };
    print(&if args.json {
        document::profile::json(&top)
    } else if args.csv {
        text::profile::csv(&top)
    } else {
        terminal::flame_top::render(&top)
    })?;
    Ok(0)
}

/// Says where its stacks cannot be trusted.
fn say_doubts(profile: &Profile) {
    for doubt in doubts(profile) {
        say(&format!("note: {doubt}"));
    }
}

/// The labels of one profile, or its functions by the values of one of them.
fn labels(args: &TopArgs) -> anyhow::Result<u8> {
    let [path] = &args.profiles[..] else {
        return Err(Usage("--labels and --by take one profile".to_owned()).into());
    };
    if is_stdio(path) {
        return Err(Usage("--labels and --by read a file twice: name one".to_owned()).into());
    }
    let found = args.reading.labels(path)?;
    let Some(key) = &args.by else {
        let profile = args.reading.quietly(path)?;
        print(&terminal::flame_top::labels(&profile, &found))?;
        return Ok(0);
    };
    let of_key = |values: &&[Labelled]| values[0].key == *key;
    let mut keys = found.chunk_by(|a, b| a.key == b.key);
    let Some(values) = keys.find(of_key) else {
        let mut keys: Vec<&str> = found.iter().map(|of| of.key.as_str()).collect();
        keys.dedup();
        let keys = if keys.is_empty() {
            "none".to_owned()
        } else {
            printable(&keys.join(", ")).into_owned()
        };
        let message = format!(
            "{}: no sample has a label {}; its samples have {keys}",
            shown(path),
            printable(key)
        );
        return Err(Usage(message).into());
    };
    let whole = args.reading.quietly(path)?.samples();
    let labelled: u64 = values.iter().map(|of| of.samples).sum();
    if labelled < whole {
        say(&format!(
            "note: {} of its {} samples have no label {}, and are in none of the tables",
            format_count((whole - labelled) as f64),
            format_count(whole as f64),
            printable(key)
        ));
    }
    // Each table reads the file again.
    let (values, rest) = values.split_at(worth_a_row(values));
    if !rest.is_empty() {
        let key = printable(key);
        say(&format!(
            "note: shown are the {} values of {key} with the most in them, and {} more are not; --where {key}=VALUE shows one",
            values.len(),
            format_count(rest.len() as f64)
        ));
    }
    for of in values {
        let profile = args.reading.of_label(key, &of.value).quietly(path)?;
        let functions = FunctionTable::of(&profile);
        print(&format!(
            "{}={}\n{}\n",
            printable(key),
            printable(&of.value),
            terminal::flame_top::render(&Top {
                profile: &profile,
                functions: &functions,
                limit: args.limit.or(Some(SHOWN)),
                order: args.sort,
            })
        ))?;
    }
    Ok(0)
}

fn render(args: &RenderArgs) -> anyhow::Result<u8> {
    at_most_one_stdin(args.profiles.iter().map(PathBuf::as_path))?;
    let profile = args.reading.profiles(&args.profiles)?;
    let format = match &args.format {
        Some(format) => format.as_str(),
        None => match args.out.extension().and_then(|end| end.to_str()) {
            Some("folded" | "txt") => "folded",
            Some("pb" | "gz" | "pprof") => "pprof",
            _ => "svg",
        },
    };
    let bytes = match format {
        "folded" => {
            let mut text = Vec::new();
            folded::write(&profile, &mut text)?;
            text
        }
        "pprof" => encode::encode(&profile).map_err(|error| Usage(error.to_string()))?,
        _ => {
            say_doubts(&profile);
            let title = args
                .title
                .clone()
                .unwrap_or_else(|| name(&args.profiles[0]));
            let subtitle = format!("{}, {}", observed(&profile), profile.kind());
            let svg = flamegraph::svg(&profile, &title, &subtitle, None);
            svg.map_err(|error| Usage(error.to_string()))?.into_bytes()
        }
    };
    write(&args.out, &bytes)?;
    Ok(0)
}
