//! Credentials on a command line: what stands behind a flag of such a name, quoted or not, and behind the short flags by which
//! programs take users and passwords. Pure.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::credentials::without_credentials;
use super::literal::REDACTED;
use super::names::is_sensitive_name;

/// A word as a shell reads it.
static WORD: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\])+"#));

/// Programs whose `-pPASSWORD` is one word.
const JOINED: [&str; 4] = ["mysql", "mariadb", "mycli", "7z"];

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is valid")
}

/// A command line without its credentials. It rather hides too much.
pub(crate) fn command_without_credentials(line: &str) -> String {
    let words: Vec<Range<usize>> = WORD.find_iter(line).map(|word| word.range()).collect();
    let mut hidden: Vec<Range<usize>> = Vec::new();
    let mut takes_joined = false;
    for (at, word) in words.iter().enumerate() {
        let text = &line[word.clone()];
        let next = words.get(at + 1);
        let program = text.rsplit('/').next().unwrap_or(text);
        takes_joined |= JOINED.iter().any(|name| program.starts_with(name));
        if let Some(value) = value_of(line, word, next, takes_joined) {
            hidden.push(value);
        }
    }
    let mut shown = line.to_owned();
    for range in hidden.into_iter().rev() {
        shown.replace_range(range, REDACTED);
    }
    without_credentials(&shown)
}

/// Where the credential stands that a word names, in itself or in the next one.
fn value_of(
    line: &str,
    word: &Range<usize>,
    next: Option<&Range<usize>>,
    takes_joined: bool,
) -> Option<Range<usize>> {
    let text = &line[word.clone()];
    let flag = text.strip_prefix('-')?;
    if takes_joined && flag.len() > 1 && flag.starts_with('p') {
        return Some(word.start + 2..word.end);
    }
    // A long flag behind one dash, such as `-url=http://…`, is no user.
    let user = flag.strip_prefix('u').filter(|pair| !pair.contains('='));
    if let Some(password) = flag.strip_prefix("-user=").or(user).and_then(password) {
        return Some(word.end - password.len()..word.end);
    }
    if let Some((name, value)) = flag.split_once('=') {
        let is_secret = is_secret_flag(name) && !value.is_empty();
        return is_secret.then(|| word.end - value.len()..word.end);
    }
    let next = next.filter(|next| !line[(*next).clone()].starts_with('-'))?;
    let value = &line[next.clone()];
    match flag {
        "u" | "-user" => password(value).map(|password| next.end - password.len()..next.end),
        // A password, unless it is a port or a place for one, or a pair of ports.
        "p" => {
            let is_port = value.contains(['{', ':']) || is_number(value);
            (!is_port).then(|| next.clone())
        }
        name => is_secret_flag(name).then(|| next.clone()),
    }
}

/// That of a user with a password, which is no pair of numbers: those are ids.
fn password(pair: &str) -> Option<&str> {
    let (user, password) = pair.split_once(':')?;
    let is_pair = is_number(user) && is_number(password);
    (!is_pair && !password.is_empty()).then_some(password)
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_secret_flag(name: &str) -> bool {
    let name = name.trim_start_matches('-');
    // `requirepass` and `masterauth` are one word each.
    is_sensitive_name(name) || name.ends_with("pass") || name.ends_with("auth")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn passwords_are_hidden_whatever_flag_they_stand_behind() {
        for line in [
            "svc --password hush-1",
            "svc --password=hush-1",
            "svc --password='hush 1'",
            "svc --pass 'hush 1'",
            "svc --pass \"hush \\\" 1\"",
            "svc -u ann:hush-1",
            "svc --user ann:hush-1 --port 80",
            "svc -p hush-1",
            "svc --user=ann:hush-1",
            "svc --user='ann:hush 1'",
            "curl -uann:hush-1 http://127.0.0.1/",
            "mysql -phush-1 db",
            "mysql -phush=1 db",
            "/usr/bin/mysqldump -u root -phush-1",
            "redis-server --port {port} --requirepass hush-1",
            "redis-server --masterauth hush-1",
            "env DB_PASS=hush-1 svc",
            "PGPASSWORD=hush-1 psql",
            "svc -Dspring.datasource.password=hush-1",
            "svc --token hush-1 --api-key 'hush-1'",
        ] {
            let shown = command_without_credentials(line);
            assert!(!shown.contains("hush"), "{line}: {shown}");
            assert!(shown.contains(REDACTED), "{line}: {shown}");
        }
    }

    #[test]
    fn what_is_no_credential_stays() {
        for line in [
            "./my-service --port {port}",
            "svc -p {port}",
            "docker run -p 8080:80 -u 1000:1000 img",
            "svc -p 8080 -profile cpu",
            "python3 -u app.py",
            "svc -u nobody",
            "svc -upstream=127.0.0.1:80",
            "docker run --user=1000:1000 -u1000:1000 img",
            "redis-server --port {port} --save '' --appendonly no",
            "svc --password",
            "",
            "'",
        ] {
            assert_eq!(command_without_credentials(line), line);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_command_line(line in ".{0,60}") {
            command_without_credentials(&line);
        }
    }
}
