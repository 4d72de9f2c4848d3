//! What an import tells: what was read, what was left out and why, what the source cannot hold, what was replaced, what was written.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use super::place::Place;
use crate::import::{Body, Draft, Sample, lacks, remedy};

/// What was read, counted before anything was changed.
pub(super) struct Read {
    requests: usize,
    methods: BTreeMap<String, u64>,
    hosts: BTreeMap<String, u64>,
    bodies: u64,
}

impl Read {
    pub(super) fn of(sample: &Sample) -> Self {
        let mut read = Self {
            requests: sample.exchanges.len(),
            methods: BTreeMap::new(),
            hosts: BTreeMap::new(),
            bodies: 0,
        };
        for exchange in &sample.exchanges {
            *read.methods.entry(exchange.method.clone()).or_default() += 1;
            if let Some(host) = &exchange.host {
                *read.hosts.entry(host.clone()).or_default() += 1;
            }
            read.bodies += u64::from(matches!(&exchange.body, Body::Bytes(_) | Body::Size(1..)));
        }
        read
    }
}

/// All of it.
pub(super) struct Told<'a> {
    pub(super) read: Read,
    pub(super) sample: &'a Sample,
    /// What is said of the files.
    pub(super) notes: Vec<String>,
    pub(super) draft: &'a Draft,
    pub(super) place: &'a Place,
}

/// Why nothing is left, behind an error.
pub(super) fn skipped_in_a_line(sample: &Sample) -> String {
    let reasons: Vec<String> = sample
        .skipped
        .iter()
        .map(|(why, count)| format!("{count} {}", why.words().1))
        .collect();
    if reasons.is_empty() {
        String::new()
    } else {
        format!(" (left out: {})", reasons.join("; "))
    }
}

/// Lines of a kind; of more, so many.
const MOST: usize = 30;

impl Told<'_> {
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut line =
            |line: String| writeln!(text, "{line}").expect("a string takes all that is written");
        for source in &self.sample.sources {
            let by = source
                .producer
                .as_ref()
                .map(|producer| format!(", by {producer}"))
                .unwrap_or_default();
            line(format!(
                "{}: {}{by}, {} entries",
                source.name, source.format, source.entries
            ));
        }
        line(format!(
            "read        {} requests: {}; {} with a body",
            self.read.requests,
            counts(&self.read.methods),
            self.read.bodies
        ));
        if !self.read.hosts.is_empty() {
            line(format!("hosts       {}", counts(&self.read.hosts)));
        }
        for (why, count) in &self.sample.skipped {
            line(format!("left out    {} {}", count, why.words().1));
        }
        for source in &self.sample.sources {
            for lack in lacks(&source.holds) {
                line(format!("cannot hold {lack}"));
            }
        }
        for note in self.all_notes() {
            line(format!("note        {note}"));
        }
        self.replacements().into_iter().for_each(&mut line);
        line(format!(
            "load        {}, against {}",
            self.draft.load, self.draft.target
        ));
        line(format!(
            "written     {}: {} recorded requests as {} kinds",
            self.place.scenario.display(),
            self.draft.exchanges,
            self.draft.requests
        ));
        if !self.draft.files.is_empty() {
            line(format!(
                "            {}/: {} files",
                self.place.folder.display(),
                self.draft.files.len()
            ));
        }
        if let (Some(path), Some(_)) = (&self.place.secrets, &self.draft.secrets) {
            line(format!(
                "            {}: what was secret, for you alone (mode 0600)",
                path.display()
            ));
        }
        for variable in &self.draft.variables {
            line(format!("set         export {variable}=…"));
        }
        let remedies: Vec<&str> = self
            .sample
            .sources
            .iter()
            .filter_map(|source| remedy(&source.holds))
            .collect();
        if let Some(remedy) = remedies.first() {
            line(format!("more        {remedy}"));
        }
        line(format!(
            "next        telemload run {} --dry-run",
            self.place.scenario.display()
        ));
        text
    }

    fn all_notes(&self) -> impl Iterator<Item = &String> {
        self.sample
            .notes
            .iter()
            .chain(&self.draft.notes)
            .chain(&self.notes)
    }

    /// What stands in the places of what was secret.
    fn replacements(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for replaced in self.draft.replaced.iter().take(MOST) {
            let by = match &replaced.variable {
                Some(variable) if self.draft.variables.contains(variable) => {
                    format!("{{{{env.{variable}}}}}")
                }
                _ if self.place.secrets.is_some() => "the file of secrets".to_owned(),
                _ => "generated values".to_owned(),
            };
            lines.push(format!(
                "replaced    {} ({}): {} distinct in {} places, by {by}",
                replaced.place, replaced.rule, replaced.distinct, replaced.count
            ));
        }
        if self.draft.replaced.len() > MOST {
            lines.push(format!(
                "replaced    at {} more places; --json lists them",
                self.draft.replaced.len() - MOST
            ));
        }
        lines
    }

    pub(super) fn json(&self) -> String {
        let sources: Vec<Value> = (self.sample.sources.iter())
            .map(|source| json!({"name": source.name, "format": source.format, "producer": source.producer, "entries": source.entries, "cannot_hold": lacks(&source.holds)}))
            .collect();
        let skipped: BTreeMap<&str, u64> = self
            .sample
            .skipped
            .iter()
            .map(|(why, count)| (why.words().0, *count))
            .collect();
        let replaced: Vec<Value> = (self.draft.replaced.iter())
            .map(|replaced| json!({"place": replaced.place, "rule": replaced.rule, "distinct": replaced.distinct, "count": replaced.count, "variable": replaced.variable}))
            .collect();
        let notes: Vec<&String> = self.all_notes().collect();
        let told = json!({
            "sources": sources,
            "read": {"requests": self.read.requests, "methods": self.read.methods, "hosts": self.read.hosts, "bodies": self.read.bodies},
            "left_out": skipped,
            "replaced": replaced,
            "written": {
                "scenario": self.place.scenario.to_string_lossy(),
                "requests": self.draft.requests,
                "exchanges": self.draft.exchanges,
                "origin": self.draft.origin,
                "target": self.draft.target,
                "load": self.draft.load,
                "files": self.draft.files.keys().collect::<Vec<_>>(),
                "variables": self.draft.variables,
            },
            "notes": notes,
        });
        format!("{told:#}\n")
    }
}

/// `GET 3, POST 1`, the most frequent first.
fn counts(counts: &BTreeMap<String, u64>) -> String {
    let mut list: Vec<(&String, &u64)> = counts.iter().collect();
    list.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let mut words: Vec<String> = list
        .iter()
        .take(8)
        .map(|(name, count)| format!("{name} {}", count))
        .collect();
    if list.len() > 8 {
        words.push(format!("{} more", list.len() - 8));
    }
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(", ")
    }
}
