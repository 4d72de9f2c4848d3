//! A sample → the text of a scenario and the files beside it. Pure. What a sample holds of secrets comes as marks, which become places for
//! variables of the environment, or generated values; the recorded ones go into one file, if the user asked for it.

mod choice;
mod expected;
mod group;
mod headers;
mod place;
mod request;
mod route;
#[cfg(test)]
mod tests;
mod text;
mod timing;

use std::collections::{BTreeMap, BTreeSet};

pub use self::choice::Choice;
use self::request::Written;
pub use self::text::quoted;
pub use self::timing::Pace;
use super::origin::{is_of, origin};
use super::sample::{Exchange, Sample, Skip};
use super::secret::{self, Replaced};

/// A scenario, and what belongs to it.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// Its text.
    pub scenario: String,
    /// Files by their names in [`Choice::folder`].
    pub files: BTreeMap<String, Vec<u8>>,
    /// What [`Choice::secrets`] holds.
    pub secrets: Option<Vec<u8>>,
    /// Variables of the environment that have to be set.
    pub variables: BTreeSet<String>,
    /// `[[request]]` tables.
    pub requests: usize,
    /// Exchanges that they stand for.
    pub exchanges: usize,
    /// Origin that was chosen, if the sample names any.
    pub origin: Option<String>,
    /// Where the load goes.
    pub target: String,
    /// The load in words.
    pub load: String,
    /// What was secret, and is not in it.
    pub replaced: Vec<Replaced>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// Where a scenario loads if its sample names no host.
const NOWHERE: &str = "http://127.0.0.1:8080";

/// Makes a scenario of a sample, whose exchanges it takes. What went to other origins is counted as skipped; credentials and persons
/// are replaced.
///
/// # Errors
/// Why there is nothing to send.
pub fn draft(sample: &mut Sample, choice: &Choice) -> Result<Draft, String> {
    if sample.exchanges.is_empty() {
        return Err("nothing in it can be sent: no request was read".to_owned());
    }
    let mut draft = Draft {
        origin: origin(sample, choice.origin.as_deref())?,
        ..Draft::default()
    };
    let origin = draft.origin.clone();
    let origin = origin.as_deref();
    let secrets = secret::take(sample, |exchange| is_of(exchange, origin));
    draft.replaced = secrets.report();
    let exchanges = sent(sample, origin);
    draft.exchanges = exchanges.len();
    draft.target = match (&choice.target, &draft.origin) {
        (Some(target), _) => target.trim_end_matches('/').to_owned(),
        (None, Some(origin)) => origin.clone(),
        (None, None) => {
            draft.notes.push(format!("no host is recorded: the scenario loads {NOWHERE}; name the service with --target, and its Host with --origin"));
            NOWHERE.to_owned()
        }
    };
    let host = origin
        .and_then(|origin| origin.split_once("://"))
        .map(|(_, host)| host)
        .filter(|host| draft.target.split("://").nth(1) != Some(host))
        .map(str::to_owned);
    let groups = group::groups(
        &exchanges,
        host.as_deref(),
        choice.keeps_binary,
        &secrets,
        &mut draft.notes,
    );
    let mut writer = request::Writer::new(&secrets, choice);
    let written: Vec<Written> = groups.iter().map(|group| writer.request(group)).collect();
    draft.requests = written.len();
    draft.secrets = writer.kept();
    draft.notes.append(&mut writer.notes);
    draft.notes.extend(writer.answers.notes());
    draft.variables = std::mem::take(&mut writer.variables);
    draft.files = std::mem::take(&mut writer.files);
    let is_closing = exchanges.iter().all(|exchange| {
        exchange
            .header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    });
    let load = timing::load(&exchanges, &sample.sources, choice.pace, &mut draft.notes);
    draft.load = load.words;
    draft.scenario = whole(
        &draft,
        choice,
        &load.toml,
        is_closing,
        writer.feeds(),
        &written,
    );
    Ok(draft)
}

/// The requests to an origin.
fn sent(sample: &mut Sample, origin: Option<&str>) -> Vec<Exchange> {
    let mut kept = std::mem::take(&mut sample.exchanges);
    let all = kept.len();
    kept.retain(|exchange| is_of(exchange, origin));
    let others = all - kept.len();
    if others > 0 {
        *sample.skipped.entry(Skip::OtherOrigin).or_default() += others as u64;
    }
    kept
}

/// The text of the scenario.
fn whole(
    draft: &Draft,
    choice: &Choice,
    load: &str,
    is_closing: bool,
    feeds: &BTreeMap<String, String>,
    written: &[Written],
) -> String {
    let mut text = String::from(
        "# Made by `telemload import` from recorded traffic: look through it before it is run.\n",
    );
    text += &format!("name = {}\n", quoted(&choice.name));
    text += &format!(
        "description = {}\n\n",
        quoted(&format!(
            "{} recorded requests as {} kinds",
            draft.exchanges, draft.requests
        ))
    );
    text += &format!(
        "[target]\nurl = {}\n\n[load]\n{load}",
        quoted(&draft.target)
    );
    if is_closing {
        text += "keep_alive = false\n";
    }
    for (feed, file) in feeds {
        text += &format!("\n[feed.{feed}]\nfile = {}\n", quoted(file));
    }
    for request in written {
        text += "\n";
        text += &request.toml;
    }
    text
}
