//! Whose directory a run may take, and what is never written into.

use super::*;

#[test]
fn a_result_is_never_overwritten() {
    let scratch = tempfile::tempdir().unwrap();
    let now = jiff::Timestamp::UNIX_EPOCH;
    let dir = RunDir::create(Some(scratch.path()), "x", "", now).unwrap();
    dir.write(Path::new("a/b/flame.svg"), b"<svg/>").unwrap();
    dir.write(Path::new("result.json"), b"{}").unwrap();
    assert_eq!(
        fs::read(scratch.path().join("a/b/flame.svg")).unwrap(),
        b"<svg/>"
    );
    let error = RunDir::create(Some(scratch.path()), "x", "", now).unwrap_err();
    assert!(
        error.to_string().contains("holds a result already"),
        "{error}"
    );
}

#[test]
fn a_directory_of_others_is_refused_and_an_unfinished_run_is_not() {
    let scratch = tempfile::tempdir().unwrap();
    let now = jiff::Timestamp::UNIX_EPOCH;
    let create = |text: &str| RunDir::create(Some(scratch.path()), "x", text, now);
    create("a").unwrap();
    create("a").unwrap();
    let refused = create("b").unwrap_err().to_string();
    assert!(
        refused.ends_with("the directory is not empty and holds no unfinished run of this scenario; name a new or an empty directory"),
        "{refused}"
    );
    let compare = || RunDir::for_comparison(scratch.path());
    assert!(compare().is_err());
    fs::write(
        scratch.path().join("compare.json"),
        "{\"schema\":\"telemload.compare/1\"",
    )
    .unwrap();
    compare().unwrap();
}

#[test]
fn what_is_no_file_is_neither_waited_for_nor_written_into() {
    let scratch = tempfile::tempdir().unwrap();
    let (root, outside) = (scratch.path().join("out"), scratch.path().join("outside"));
    fs::write(&outside, "theirs").unwrap();
    let dir = RunDir::create(Some(&root), "x", "", jiff::Timestamp::UNIX_EPOCH).unwrap();
    std::os::unix::fs::symlink(&outside, root.join("link")).unwrap();
    let fifo = root.join("fifo");
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, kind, 0o600.into(), 0).unwrap();
    for name in ["link", "fifo"].map(Path::new) {
        let refused = [
            dir.stream(name).map(drop).unwrap_err(),
            dir.create_file(name).map(drop).unwrap_err(),
            dir.append(name).map(drop).unwrap_err(),
            dir.log(name).map(drop).unwrap_err(),
            dir.write(name, b"ours").unwrap_err(),
        ];
        for refused in refused {
            let words = refused.to_string();
            assert!(words.contains("stands there"), "{words}");
        }
        let refused = read_own(&root, name, 100).unwrap_err().to_string();
        assert!(refused.contains("stands there"), "{refused}");
    }
    assert_eq!(fs::read(&outside).unwrap(), b"theirs");
}

#[test]
fn runs_of_one_second_never_share_a_directory() {
    let scratch = tempfile::tempdir().unwrap();
    let runs = scratch.path().join("runs");
    let names: Vec<_> = (0..3)
        .map(|_| fresh(&runs, "x", jiff::Timestamp::UNIX_EPOCH).unwrap())
        .map(|dir| dir.path().file_name().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "x-19700101T000000Z",
            "x-19700101T000000Z-2",
            "x-19700101T000000Z-3"
        ]
    );
}

#[test]
fn a_file_in_the_way_is_named() {
    let scratch = tempfile::NamedTempFile::new().unwrap();
    let error =
        RunDir::create(Some(scratch.path()), "x", "", jiff::Timestamp::UNIX_EPOCH).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(&format!("cannot write {}", scratch.path().display())),
        "{error}"
    );
}

#[test]
fn two_runs_never_write_into_one_directory() {
    let scratch = tempfile::tempdir().unwrap();
    let now = jiff::Timestamp::UNIX_EPOCH;
    let create = || RunDir::create(Some(scratch.path()), "x", "a", now);
    let first = create().unwrap();
    let also_first = first.clone();
    drop(first);
    let refused = create().unwrap_err().to_string();
    assert!(
        refused.ends_with("another telemload is writing into this directory; wait for it, or name another directory"),
        "{refused}"
    );
    drop(also_first);
    create().unwrap();
}
