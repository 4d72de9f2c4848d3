//! What is found of what was acknowledged and stored.

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::ingest::scratch::Scratch;

fn line(id: &str) -> String {
    format!("{{\"payload\":{{\"id\":\"{id}\"}}}}\n")
}

async fn compare(scratch: &Scratch, list: &str) -> Result<Report, VerifyError> {
    let path = scratch.path("acknowledged");
    fs::write(&path, list).unwrap();
    let address = Address {
        sink: format!("file://{}", scratch.path("sink").display()),
        ..Address::default()
    };
    verify(&address, &[path], &|_| None).await
}

fn stored(objects: &[(&str, String)]) -> Scratch {
    let scratch = Scratch::new();
    for (name, text) in objects {
        let path = scratch.path("sink").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    scratch
}

#[tokio::test]
async fn every_id_is_accounted_for() {
    let scratch = stored(&[
        ("run/000/0.jsonl", line("once") + &line("twice")),
        (
            "run/001/1.jsonl",
            line("twice") + &line("stranger") + "{\"payload\":\n" + &line("cr"),
        ),
        ("top.jsonl", line("cut off").trim_end().to_owned()),
        ("README", line("lost")),
    ]);
    let report = compare(
        &scratch,
        "once\ntwice\nlost\n\ncr\r\ncut off\nonce\nalso lost",
    )
    .await
    .unwrap();
    assert!(!report.holds());
    assert_eq!(
        report,
        Report {
            acknowledged: 6,
            acknowledged_again: 1,
            stored_once: 3,
            missing: 2,
            duplicated: 1,
            unacknowledged: 1,
            unreadable: 1,
            objects: 3,
            missing_ids: vec!["lost".into(), "also lost".into()],
        }
    );
}

#[tokio::test]
async fn all_there_is_what_holds() {
    let scratch = stored(&[("0.jsonl", line("a") + &line("b"))]);
    let report = compare(&scratch, "a\nb\n").await.unwrap();
    assert!(report.holds());
    assert_eq!((report.stored_once, report.unacknowledged), (2, 0));
}

#[tokio::test]
async fn lines_cross_chunks() {
    let pad = "x".repeat(200_000);
    let text: String = (0..20)
        .map(|n| format!("{{\"payload\":{{\"id\":\"{n}\",\"pad\":\"{pad}\"}}}}\n"))
        .collect();
    let scratch = stored(&[("0.jsonl", text)]);
    let list: String = (0..20).map(|n| format!("{n}\n")).collect();
    let report = compare(&scratch, &list).await.unwrap();
    assert_eq!((report.stored_once, report.unreadable), (20, 0));
}

#[tokio::test]
async fn what_cannot_be_read_is_named() {
    let scratch = stored(&[("0.jsonl", line("a"))]);
    let long = format!("a\n{}\n", "x".repeat(129));
    let error = compare(&scratch, &long).await.unwrap_err().to_string();
    assert!(
        error
            .ends_with("acknowledged:2: longer than 128 bytes, write one acknowledged id per line"),
        "{error}"
    );
    let check = async |sink: &str, list: &Path| {
        let address = Address {
            sink: sink.to_owned(),
            ..Address::default()
        };
        verify(&address, &[list.to_owned()], &|_| None)
            .await
            .unwrap_err()
            .to_string()
    };
    let list = scratch.path("acknowledged");
    let missing = scratch.path("none");
    assert_eq!(
        check(&format!("file://{}", missing.display()), &list).await,
        format!(
            "{}:2: longer than 128 bytes, write one acknowledged id per line",
            list.display()
        )
    );
    fs::write(&list, "a\n").unwrap();
    assert_eq!(
        check(&format!("file://{}", missing.display()), &list).await,
        format!(
            "cannot read the sink file://{0}: {0} is not a directory",
            missing.display()
        )
    );
    assert_eq!(
        check("memory", &list).await,
        "a memory sink ends with its gateway; use one of file:// or s3://"
    );
    assert!(
        check("floppy", &list)
            .await
            .contains("\"floppy\" is not a sink")
    );
    let error = check("file:///tmp", &missing).await;
    assert!(error.contains("none: No such file or directory"), "{error}");
}

proptest! {
    #[test]
    fn lines_are_the_same_in_any_chunks(text in "[a-c\n]{0,40}", cuts in proptest::collection::vec(1_usize..7, 0..40)) {
        let mut found: Vec<String> = Vec::new();
        let mut lines = LineReader::default();
        let mut rest = text.as_bytes();
        for cut in cuts.into_iter().chain([usize::MAX]) {
            let (chunk, more) = rest.split_at(cut.min(rest.len()));
            lines.feed(chunk, |line| found.push(String::from_utf8(line.unwrap().to_vec()).unwrap()));
            rest = more;
        }
        lines.end(|line| found.push(String::from_utf8(line.unwrap().to_vec()).unwrap()));
        let expected: Vec<&str> = text.split_terminator('\n').collect();
        prop_assert_eq!(found, expected);
    }
}
