//! A group of exchanges → a `[[request]]` and the feed that its values come from.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::choice::Choice;
use super::expected::Answers;
use super::group::{Content, Group};
use super::place::{self, Part, parts};
use super::text::{self, Template, key, quoted};
use crate::import::mark::{self, Piece, pieces};
use crate::import::secret::Secrets;
use crate::traffic::template::is_built_in;
use crate::units::printable_json;

/// A body that is longer has a file of its own.
const IN_PLACE: usize = 4 << 10;
/// Rows that a feed gets; of more, so many are taken at even distances.
const MOST_ROWS: usize = 100_000;
/// Bytes that a feed gets.
const MOST_BYTES: usize = 48 << 20;
/// The feed of what was secret.
const KEPT: &str = "secrets";
/// Rows of that feed, where feeds of different lengths go with it.
const ROWS_KEPT: usize = 1000;

/// A request of the scenario.
pub(super) struct Written {
    pub(super) toml: String,
}

/// Writes requests, their feeds and their bodies.
pub(super) struct Writer<'a> {
    secrets: &'a Secrets,
    choice: &'a Choice,
    names: BTreeSet<String>,
    /// Files of feeds by their names.
    feeds: BTreeMap<String, String>,
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) variables: BTreeSet<String>,
    pub(super) notes: Vec<String>,
    pub(super) answers: Answers,
    /// Columns of recorded secrets.
    kept: BTreeMap<String, Vec<String>>,
    /// Rows of the feeds that go with them.
    rows: BTreeMap<String, Vec<Map<String, Value>>>,
}

/// The feed of one request while it is written.
struct Rows {
    feed: String,
    /// Which exchanges are rows.
    chosen: Vec<usize>,
    columns: Vec<(String, Vec<String>)>,
    /// Whether what is written now is a body of `name=value` pairs.
    is_form: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(secrets: &'a Secrets, choice: &'a Choice) -> Self {
        Self {
            secrets,
            choice,
            names: BTreeSet::from([KEPT.to_owned()]),
            feeds: BTreeMap::new(),
            files: BTreeMap::new(),
            variables: BTreeSet::new(),
            notes: Vec::new(),
            answers: Answers::default(),
            kept: BTreeMap::new(),
            rows: BTreeMap::new(),
        }
    }

    /// Feeds and the files that they are read from.
    pub(super) fn feeds(&self) -> &BTreeMap<String, String> {
        &self.feeds
    }

    pub(super) fn request(&mut self, group: &Group<'_>) -> Written {
        let name = self.name(group);
        let mut rows = Rows {
            chosen: self.chosen(group),
            feed: name.clone(),
            columns: Vec::new(),
            is_form: false,
        };
        let times: Vec<Option<i64>> = rows
            .chosen
            .iter()
            .map(|&at| group.sent[at].exchange.at_us)
            .collect();
        let targets: Vec<String> = (rows.chosen.iter())
            .map(|&at| {
                let exchange = group.sent[at].exchange;
                match &exchange.query {
                    Some(query) => format!("{}?{query}", exchange.path),
                    None => exchange.path.clone(),
                }
            })
            .collect();
        let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
        let mut toml = format!(
            "[[request]]\nname = {}\nweight = {}\nmethod = {}\n",
            quoted(&name),
            group.sent.len().clamp(1, 1_000_000),
            quoted(group.method)
        );
        // A path begins with a slash, whatever a feed brings.
        let path = self.template(
            &targets
                .iter()
                .map(|target| target.strip_prefix('/').unwrap_or(target))
                .collect::<Vec<_>>(),
            "path",
            &times,
            &mut rows,
        );
        toml += &format!("path = {}\n", quoted(&format!("/{path}")));
        toml += &self.body(group, &name, &times, &mut rows);
        toml += &self.answers.expected(&name, group);
        toml += &self.headers(group, &times, &mut rows);
        self.store(&rows);
        Written { toml }
    }

    fn headers(&mut self, group: &Group<'_>, times: &[Option<i64>], rows: &mut Rows) -> String {
        let mut entries: Vec<(String, Vec<String>)> = Vec::new();
        for at in 0..group.sent[0].headers.len() {
            let header = &group.sent[0].headers[at];
            let values: Vec<&str> = (rows.chosen.iter())
                .map(|&row| {
                    group.sent[row]
                        .headers
                        .get(at)
                        .and_then(|header| header.value.as_deref())
                        .unwrap_or_default()
                })
                .collect();
            let value = quoted(&self.template(&values, &header.name, times, rows));
            match entries.iter_mut().find(|(name, _)| *name == header.name) {
                Some((_, several)) => several.push(value),
                None => entries.push((header.name.clone(), vec![value])),
            }
        }
        if entries.is_empty() {
            return String::new();
        }
        let mut toml = "[request.headers]\n".to_owned();
        for (name, values) in entries {
            let value = if values.len() == 1 {
                values[0].clone()
            } else {
                format!("[{}]", values.join(", "))
            };
            toml += &format!("{} = {value}\n", key(&name));
        }
        toml
    }

    fn body(
        &mut self,
        group: &Group<'_>,
        name: &str,
        times: &[Option<i64>],
        rows: &mut Rows,
    ) -> String {
        let bytes = match group.sent[0].body {
            Content::None => return String::new(),
            Content::Text(_) => {
                let texts: Vec<&str> = (rows.chosen.iter())
                    .map(|&at| {
                        if let Content::Text(text) = group.sent[at].body {
                            text
                        } else {
                            ""
                        }
                    })
                    .collect();
                rows.is_form = is_form(group);
                let body = self.template(&texts, "body", times, rows);
                rows.is_form = false;
                if body.len() <= IN_PLACE {
                    return format!("body = {}\n", quoted(&body));
                }
                return format!(
                    "body_file = {}\n",
                    quoted(&self.file(&format!("{name}.body"), body.into_bytes()))
                );
            }
            Content::Bytes(bytes) => bytes.to_vec(),
            Content::Filled(length) => vec![0; length],
        };
        format!(
            "body_raw = {}\n",
            quoted(&self.file(&format!("{name}.bin"), bytes))
        )
    }

    fn file(&mut self, name: &str, bytes: Vec<u8>) -> String {
        self.files.insert(name.to_owned(), bytes);
        format!("{}/{name}", self.choice.folder)
    }

    /// One template for texts that stood at the same place.
    fn template(
        &mut self,
        texts: &[&str],
        hint: &str,
        times: &[Option<i64>],
        rows: &mut Rows,
    ) -> String {
        let mut template = Template::default();
        for part in parts(texts, hint) {
            match part {
                Part::Same(text) => self.same(&mut template, &text, rows),
                Part::Differs(column) => match place::generated(&column, hint, times) {
                    Some(placeholder) => template.placeholder(placeholder),
                    None => {
                        let inner = self.column(&column.hint, &column.values, rows);
                        template.placeholder(&inner);
                    }
                },
            }
        }
        template.done()
    }

    /// What is the same in all requests of a group: text, and places for secrets.
    fn same(&mut self, template: &mut Template, text: &str, rows: &mut Rows) {
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => template.text(text),
                Piece::Variable(name) | Piece::Asked { name, .. } => {
                    self.variable(template, name, rows);
                }
                Piece::Secret(number) => {
                    let mark = mark::secret(number);
                    if self.choice.secrets.is_some() {
                        let inner = self.column("secret", &vec![mark; rows.chosen.len()], rows);
                        template.placeholder(&inner);
                    } else if let Some(name) = self.secrets.variable(number) {
                        self.variable(template, name, rows);
                    } else {
                        template.text(&self.secrets.shown(&mark));
                    }
                }
            }
        }
    }

    /// A place that the environment fills in.
    fn variable(&mut self, template: &mut Template, name: &str, rows: &Rows) {
        if rows.is_form {
            let note = format!(
                "{{{{env.{name}}}}} stands in a form, where telemload encodes nothing: export it percent-encoded"
            );
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        self.variables.insert(name.to_owned());
        template.placeholder(&format!("env.{name}"));
    }

    /// A column for what differs: of the request's own feed, or of that of secrets.
    fn column(&mut self, hint: &str, values: &[String], rows: &mut Rows) -> String {
        let is_secret = values.iter().any(|value| mark::is_in(value));
        let mut name = text::name(hint, 32);
        if name.is_empty() {
            name = "value".to_owned();
        }
        if is_secret && self.choice.secrets.is_some() {
            let base = format!("{}_{name}", rows.feed);
            let name = free(&base, |name| self.kept.contains_key(name));
            let real = values
                .iter()
                .map(|value| self.secrets.real(value))
                .collect();
            self.kept.insert(name.clone(), real);
            return format!("{KEPT}.{name}");
        }
        let shown: Vec<String> = values
            .iter()
            .map(|value| self.secrets.shown(value))
            .collect();
        // The same values under two names would be one column too many.
        if let Some((name, _)) = rows.columns.iter().find(|(_, known)| *known == shown) {
            return format!("{}.{name}", rows.feed);
        }
        let name = free(&name, |name| {
            rows.columns.iter().any(|(known, _)| known == name)
        });
        rows.columns.push((name.clone(), shown));
        format!("{}.{name}", rows.feed)
    }

    /// Puts the rows of a request away.
    fn store(&mut self, rows: &Rows) {
        if rows.columns.is_empty() {
            return;
        }
        let count = rows.chosen.len();
        let objects = (0..count).map(|row| {
            let cells = rows
                .columns
                .iter()
                .map(|(name, values)| (name.clone(), Value::from(values[row].clone())));
            cells.collect::<Map<String, Value>>()
        });
        let objects = objects.collect();
        self.rows.insert(rows.feed.clone(), objects);
        self.feeds.insert(
            rows.feed.clone(),
            format!("{}/{}.jsonl", self.choice.folder, rows.feed),
        );
    }

    /// Writes all feeds; gives what the file of secrets holds.
    pub(super) fn kept(&mut self) -> Option<Vec<u8>> {
        let longest = self.kept.values().map(Vec::len).max();
        // Request n takes row n of each feed: they stay in step if they are equally long.
        let lengths: BTreeSet<usize> = self
            .kept
            .values()
            .map(Vec::len)
            .filter(|length| *length > 1)
            .collect();
        let count = longest.map(|longest| {
            if lengths.len() > 1 {
                longest.max(ROWS_KEPT)
            } else {
                longest
            }
        });
        for (feed, rows) in &self.rows {
            let is_beside = self
                .kept
                .keys()
                .any(|name| name.starts_with(&format!("{feed}_")));
            let count = count
                .filter(|_| is_beside && rows.len() > 1)
                .unwrap_or(rows.len());
            self.files.insert(
                format!("{feed}.jsonl"),
                lines((0..count).map(|at| rows[at % rows.len()].clone())),
            );
        }
        let path = self.choice.secrets.clone()?;
        let count = count?;
        self.feeds.insert(KEPT.to_owned(), path);
        let rows = (0..count).map(|at| {
            self.kept
                .iter()
                .map(|(name, values)| {
                    (name.clone(), Value::from(values[at % values.len()].clone()))
                })
                .collect()
        });
        Some(lines(rows))
    }

    /// A name that no other request has.
    fn name(&mut self, group: &Group<'_>) -> String {
        let route = group.route.replace('*', "x");
        let name = text::name(&format!("{}-{route}", group.method), 40);
        let name = if name.is_empty() {
            "request".to_owned()
        } else {
            name
        };
        let name = free(&name, |name| is_built_in(name) || self.names.contains(name));
        self.names.insert(name.clone());
        name
    }

    /// The exchanges whose values become rows.
    fn chosen(&mut self, group: &Group<'_>) -> Vec<usize> {
        let count = group.sent.len();
        let size = |at: usize| -> usize {
            let sent = &group.sent[at];
            let body = if let Content::Text(text) = sent.body {
                text.len()
            } else {
                0
            };
            let headers: usize = sent
                .headers
                .iter()
                .map(|header| header.value.as_ref().map_or(0, String::len))
                .sum();
            body + headers
                + sent.exchange.path.len()
                + sent.exchange.query.as_ref().map_or(0, String::len)
        };
        let bytes: usize = (0..count).map(size).sum();
        let rows = count
            .min(MOST_ROWS)
            .min((count as u128 * MOST_BYTES as u128 / bytes.max(1) as u128) as usize)
            .max(1)
            .min(count);
        if rows < count {
            self.notes.push(format!(
                "of {count} requests to {} {} every {}th is a row of its feed",
                group.method,
                group.route,
                count.div_ceil(rows)
            ));
        }
        (0..rows).map(|row| row * count / rows).collect()
    }
}

/// Whether the bodies are pairs of a form.
fn is_form(group: &Group<'_>) -> bool {
    group.sent[0].headers.iter().any(|header| {
        let value = header.value.as_deref().unwrap_or_default();
        header.name.eq_ignore_ascii_case("content-type")
            && value.to_ascii_lowercase().contains("x-www-form-urlencoded")
    })
}

fn free(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let mut found = name.to_owned();
    let mut number = 2;
    while is_taken(&found) {
        found = format!("{name}-{number}");
        number += 1;
    }
    found
}

fn lines(rows: impl Iterator<Item = Map<String, Value>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in rows {
        bytes.extend_from_slice(printable_json(&Value::Object(row).to_string()).as_bytes());
        bytes.push(b'\n');
    }
    bytes
}
