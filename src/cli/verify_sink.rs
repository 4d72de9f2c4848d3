//! `telemload gateway verify-sink`: whether every acknowledged payload is in the sink. It writes nothing but its result.

use std::fmt::Write;
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;

use anyhow::Context;
use target_service::ingest::verify::{Address, Report, VerifyError, verify};

use super::exit::Usage;
use super::output::{print, say};

/// Exit code when acknowledged payloads are missing, or stored ones cannot be read.
const LOST: u8 = 1;

/// Compare the payloads in a gateway's sink with those that it acknowledged.
///
/// Exits with 0 if every acknowledged id is stored, 1 if one is missing or a stored line cannot be read, 5 if the list or
/// the sink cannot be read. Duplicates are reported and are no failure: a client that got no answer sends again.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  telemload gateway verify-sink --sink file:///tmp/sink --acknowledged ids.txt\n  telemload gateway verify-sink --sink file:///home/me/runs/x/pool/sink --acknowledged runs/x/pool/load/acknowledged.ids\n  telemload gateway verify-sink --sink s3://bucket/run-1 --s3-endpoint http://127.0.0.1:9000 --acknowledged ids.txt\n\nCredentials for S3 come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN."
)]
pub(super) struct Args {
    /// Where the payloads are: file:///directory or s3://bucket/prefix.
    #[arg(long, value_name = "URL")]
    sink: String,
    /// File with one acknowledged payload id per line, such as the `acknowledged.ids` of a run; repeatable.
    #[arg(long, value_name = "FILE", required = true)]
    acknowledged: Vec<PathBuf>,
    /// Endpoint of an S3 other than Amazon's.
    #[arg(long, value_name = "URL")]
    s3_endpoint: Option<String>,
    /// Region of the bucket.
    #[arg(long, value_name = "REGION")]
    s3_region: Option<String>,
}

pub(super) fn exec(args: &Args) -> anyhow::Result<u8> {
    let address = Address {
        sink: args.sink.clone(),
        s3_endpoint: args.s3_endpoint.clone(),
        s3_region: args.s3_region.clone(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    for list in &args.acknowledged {
        if std::fs::metadata(list).is_ok_and(|found| found.file_type().is_fifo()) {
            say(&format!(
                "reads {} until its writers have closed it",
                list.display()
            ));
        }
    }
    let environment = |name: &str| std::env::var(name).ok();
    let report = runtime
        .block_on(verify(&address, &args.acknowledged, &environment))
        .map_err(|error| match error {
            VerifyError::Address(why) => Usage(format!("--sink: {why}")).into(),
            VerifyError::Line { .. } => Usage(format!("--acknowledged: {error}")).into(),
            // Its message holds the cause already.
            other => anyhow::anyhow!("{other}"),
        })?;
    print(&describe(&report))?;
    Ok(if report.holds() { 0 } else { LOST })
}

fn describe(report: &Report) -> String {
    let mut text = String::new();
    let mut line = |name: &str, count: u64, meaning: &str| {
        writeln!(text, "{name:<16}{count:>12}  {meaning}")
            .expect("a string takes all that is written");
    };
    line("acknowledged", report.acknowledged, "ids in the list");
    if report.acknowledged_again > 0 {
        line(
            "",
            report.acknowledged_again,
            "more lines of the list repeat one",
        );
    }
    line("stored once", report.stored_once, "of them");
    line("missing", report.missing, "of them: lost");
    line(
        "duplicated",
        report.duplicated,
        "of them: stored more than once",
    );
    line(
        "unacknowledged",
        report.unacknowledged,
        "stored payloads that are not in the list",
    );
    line(
        "unreadable",
        report.unreadable,
        "stored lines that are no payloads",
    );
    line("objects", report.objects, "read");
    for id in &report.missing_ids {
        writeln!(text, "missing: {}", id.escape_debug())
            .expect("a string takes all that is written");
    }
    let more = report.missing - report.missing_ids.len() as u64;
    if more > 0 {
        writeln!(text, "missing: {more} more").expect("a string takes all that is written");
    }
    text
}
