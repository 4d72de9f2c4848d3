//! A scenario's text without the credentials that stand in it. Pure; what it gives is TOML again.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::traffic::redact::{
    REDACTED, command_without_credentials, is_literal_secret, is_sensitive_name,
    without_credentials, without_known_shapes,
};

/// Tables whose keys are names that are sent, or looked for in answers; any other key is one of telemload's own.
const NAMES_SENT: [&str; 6] = ["headers", "json", "form", "query", "cookies", "env"];

/// The text without what stands at the places of `secrets`, and without what its texts and comments hold beside that.
pub(super) fn without_secrets(text: &str, mut secrets: Vec<Range<usize>>) -> String {
    let whole = format!("\"{REDACTED}\"");
    let mut texts = Texts::default();
    if let Ok(root) = DeTable::parse(text) {
        texts.take_table("", root.get_ref());
    }
    secrets.append(&mut texts.secrets);
    let mut places: Vec<(Range<usize>, &str)> = secrets
        .into_iter()
        .map(|span| (span, whole.as_str()))
        .collect();
    let changed = texts.changed.iter();
    places.extend(changed.map(|(span, text)| (span.clone(), text.as_str())));
    let comments = comments(text, &texts.scalars);
    places.extend(
        comments
            .iter()
            .map(|(span, text)| (span.clone(), text.as_str())),
    );
    // Of two for one place the first is the one that hides all of it.
    places.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    places.dedup_by_key(|(span, _)| span.start);
    let mut stored = text.to_owned();
    for (span, text) in places {
        stored.replace_range(span, text);
    }
    stored
}

/// The texts of a scenario, by place.
#[derive(Default)]
struct Texts {
    /// All that is neither a table nor an array.
    scalars: Vec<Range<usize>>,
    /// Texts that are credentials as a whole.
    secrets: Vec<Range<usize>>,
    /// Texts that hold credentials, with what is stored instead.
    changed: Vec<(Range<usize>, String)>,
}

impl Texts {
    fn take_table(&mut self, name: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            self.take(name, key.get_ref(), value);
        }
    }

    /// Takes the value of `key` in the table of this name.
    fn take(&mut self, table: &str, key: &str, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(below) => return self.take_table(key, below),
            DeValue::Array(values) => {
                return values.iter().for_each(|value| self.take(table, key, value));
            }
            DeValue::String(text) => {
                let shown = if key == "command" {
                    command_without_credentials(text)
                } else {
                    without_credentials(text)
                };
                if NAMES_SENT.contains(&table) && is_sensitive_name(key) && is_literal_secret(text)
                {
                    self.secrets.push(value.span());
                } else if shown != *text {
                    let shown = toml::Value::String(shown).to_string();
                    self.changed.push((value.span(), shown));
                }
            }
            DeValue::Integer(_) | DeValue::Float(_)
                if table == "json" && is_sensitive_name(key) =>
            {
                self.secrets.push(value.span());
            }
            _ => {}
        }
        self.scalars.push(value.span());
    }
}

/// Comments that hold credentials, with what is stored instead. A comment begins behind the last value of its line, which it
/// may do only outside of all values.
fn comments(text: &str, scalars: &[Range<usize>]) -> Vec<(Range<usize>, String)> {
    let mut ends: Vec<usize> = scalars.iter().map(|span| span.end).collect();
    ends.sort_unstable();
    let mut starts: Vec<&Range<usize>> = scalars.iter().collect();
    starts.sort_by_key(|span| span.start);
    let mut comments = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let range = at..at + line.trim_end().len();
        at += line.len();
        let last = ends[..ends.partition_point(|&end| end <= range.end)].last();
        let last = last.copied().filter(|&end| end > range.start);
        let covers = starts[..starts.partition_point(|span| span.start < range.end)].last();
        if covers.is_some_and(|span| span.end > range.end) {
            continue;
        }
        let from = last.unwrap_or(range.start);
        let Some(rest) = text.get(from..range.end) else {
            continue;
        };
        let Some(hash) = rest.find('#') else { continue };
        // Without a value a line with more than a comment is the head of a table.
        let comment = &rest[hash..];
        let shown = if last.is_some() || rest[..hash].trim().is_empty() {
            without_credentials(comment)
        } else {
            without_known_shapes(comment)
        };
        let shown = without_user_of_proxy(&shown).unwrap_or(shown);
        if shown != comment {
            comments.push((from + hash..range.end, shown));
        }
    }
    comments
}

/// A comment without the user of a proxy, who stands between its name and the last `@`, with a scheme before it or without.
fn without_user_of_proxy(comment: &str) -> Option<String> {
    let name = comment.to_ascii_lowercase().find("proxy")?;
    let (before, behind) = comment.split_at(name + "proxy".len());
    let (user, place) = behind.rsplit_once('@')?;
    let is_hidden = user.ends_with(REDACTED) || user.ends_with("}}");
    (!is_hidden).then(|| format!("{before} {REDACTED}@{place}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(text: &str) -> String {
        without_secrets(text, Vec::new())
    }

    #[test]
    fn credentials_are_hidden_wherever_a_scenario_may_hold_them() {
        let secret = "hunter2-4711";
        for place in [
            "path = \"/v1?user=ann&api_key={}&n=1\"",
            "path = '/v1?user=ann&key={}'",
            "body = '{\"user\":\"ann\",\"password\":\"{}\"}'",
            "body = \"user=ann&password={}&n=1\"",
            "body = \"\"\"\n{\n  \"user\": \"ann\",\n  \"pwd\": \"{}\"\n}\n\"\"\"",
            "headers = { X-Session-Id = \"{}\" }",
            "headers = { Cookie = \"sid={}-{{seq}}\" }",
            "headers = { X-Any = \"Bearer {}\" }",
            "headers.X-Auth = \"{}\"",
            "expect = { headers = { Set-Cookie = \"sid={}\" } }",
            "expect.body.json = { \"/token\" = \"{}\" }",
            "form = { password = \"{}\" }",
            "command = \"serve --api-key {} --port 80\"",
            "command = 'env DB_PASSWORD={} serve'",
            "# password: {}",
            "weight = 1 # token={}",
            "path = \"/#x\" # token={}",
            "metrics = \"http://ann:{}@h/metrics\"",
            "# proxy = \"ann:{}@h:1\"",
            "weight = 1 # HTTP_PROXY=http://ann:1/{}@h:1",
        ] {
            let text = format!("[[request]]\n{}\n[x]\ny = 1\n", place.replace("{}", secret));
            let shown = stored(&text);
            assert!(
                !shown.contains("hunter2") && shown.contains(REDACTED),
                "{shown}"
            );
            assert!(shown.ends_with("[x]\ny = 1\n"), "{shown}");
            DeTable::parse(&shown).unwrap_or_else(|error| panic!("{shown}: {error}"));
        }
    }

    #[test]
    fn what_is_no_credential_is_stored_as_it_is() {
        for text in [
            "# the password is in the environment\npath = \"/v1?token={{env.TOKEN}}\"\n",
            "headers = { Authorization = \"Bearer {{env.TOKEN}}\", X-Device-Token = \"{{device.secret}}\" }\n",
            "body = '{\"token\":\"{{token}}\",\"seq\":{{seq}}}'\nextract = { token = \"json:/token\" }\n",
            "gateway = { auth = \"token\", token_ttl = \"30s\" }\nsecrets = 32\n",
            "a = \"\"\"\n# token=abc is in a text only with its name {{seq}}\n\"\"\"\n"
                .replace("token=abc", "abc")
                .as_str(),
        ] {
            assert_eq!(stored(text), text);
        }
    }

    #[test]
    fn the_scenarios_of_this_repository_are_stored_as_they_are() {
        for file in std::fs::read_dir("scenarios").unwrap() {
            let path = file.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "toml")
            {
                let text = std::fs::read_to_string(&path).unwrap();
                assert_eq!(stored(&text), text, "{}", path.display());
            }
        }
    }
}
