//! Links of the documentation lead somewhere: files and headings of this repository.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Folders that hold no text of the project.
const ELSEWHERE: [&str; 4] = ["target", ".git", "corpus", "runs"];

/// The files of the repository whose names end in one of `endings`.
fn files(endings: &[&str]) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut found, mut pending) = (Vec::new(), vec![root.to_owned()]);
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
            if entry.file_type().unwrap().is_dir() {
                let is_ours = !ELSEWHERE.contains(&name.as_str()) && !name.starts_with("target-");
                if is_ours || name == "target-service" {
                    pending.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path.strip_prefix(root).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// The lines of a page that are prose, and not in a fenced block.
fn prose(text: &str) -> String {
    let mut fence: Option<&str> = None;
    let mut prose = String::new();
    for line in text.lines() {
        let mark = ["````", "```", "~~~"]
            .into_iter()
            .find(|mark| line.trim_start().starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (Some(_), _) => {}
            (None, None) => {
                prose += line;
                prose.push('\n');
            }
        }
    }
    prose
}

/// The anchor of a heading, as GitHub and GitLab make it.
fn slug(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c })
        .flat_map(char::to_lowercase)
        .collect()
}

/// The anchors of a page; a heading that comes again has a number.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let prose = prose(text);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let slug = slug(line.trim_start_matches('#').trim());
            let times = seen.entry(slug.clone()).or_default();
            *times += 1;
            match *times {
                1 => slug,
                times => format!("{slug}-{}", times - 1),
            }
        })
        .collect()
}

/// What stands between the parentheses of each link and each picture.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    let found = prose.match_indices("](").filter_map(|(at, open)| {
        let rest = &prose[at + open.len()..];
        rest.find(')').map(|end| rest[..end].to_owned())
    });
    found.collect()
}

/// A path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut normal, part| {
        match part {
            Component::CurDir => {}
            Component::ParentDir => assert!(normal.pop(), "{} leads out", path.display()),
            part => normal.push(part),
        }
        normal
    })
}

/// Where a link of `page` leads in vain, if it does.
fn dead(page: &Path, text: &str, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let to = match path {
        "" => page.to_owned(),
        path => normal(&page.parent().unwrap().join(path)),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if !root.join(&to).exists() {
        return Some(format!("{} links to {link}: no such file", page.display()));
    }
    let target = match path {
        "" => text.to_owned(),
        _ if anchor.is_empty() => return None,
        _ => fs::read_to_string(root.join(&to)).unwrap(),
    };
    let is_there = anchor.is_empty() || anchors(&target).contains(anchor);
    (!is_there).then(|| format!("{} links to {link}: no such heading", page.display()))
}

#[test]
fn links_lead_to_files_and_headings_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut seen, mut faults) = (0, Vec::new());
    for page in files(&[".md"]) {
        let text = fs::read_to_string(root.join(&page)).unwrap();
        for link in links(&text) {
            seen += 1;
            faults.extend(dead(&page, &text, &link));
        }
    }
    assert!(seen > 100, "only {seen} links were seen");
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn pages_that_code_scenarios_and_scripts_name_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut seen, mut faults) = (0, Vec::new());
    let endings = [".rs", ".toml", ".md", ".yml", ".html", ".js", ".json"];
    let scripts = fs::read_dir(root.join("scripts")).unwrap();
    let scripts = scripts.map(|entry| entry.unwrap().path());
    let named = files(&endings)
        .into_iter()
        .map(|file| root.join(file))
        .chain(scripts);
    for file in named {
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        for (at, _) in text.match_indices("docs/") {
            let before = text[..at].chars().next_back();
            let is_whole = |c: char| !(c.is_alphanumeric() || ['/', '.', '-', '_'].contains(&c));
            let name: String = text[at..]
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || "/.-_".contains(*c))
                .collect();
            let name = name.trim_end_matches('.');
            if before.is_none_or(is_whole) && name.ends_with(".md") {
                seen += 1;
                if !root.join(name).exists() {
                    faults.push(format!("{} names {name}", file.display()));
                }
            }
        }
    }
    assert!(seen > 10, "only {seen} names were seen");
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn what_leads_nowhere_is_found() {
    let page = Path::new("docs/reference/security.md");
    let text = "# One two\n\n```toml\n[a](nowhere.md)\n# no heading\n```\n\n## The `/x/` way, twice\n## The `/x/` way, twice\n";
    assert_eq!(links(text), Vec::<String>::new());
    let found = anchors(text);
    assert_eq!(
        found.iter().map(String::as_str).collect::<Vec<_>>(),
        ["one-two", "the-x-way-twice", "the-x-way-twice-1"]
    );
    for link in [
        "#one-two",
        "../../README.md",
        "https://example.org/x#y",
        "../../ARCHITECTURE.md#words",
    ] {
        assert_eq!(dead(page, text, link), None, "{link}");
    }
    for link in ["#no-heading", "nowhere.md", "../../ARCHITECTURE.md#nowhere"] {
        assert!(dead(page, text, link).is_some(), "{link}");
    }
}
