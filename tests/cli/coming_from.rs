//! Every `telemload` line of the page for users of other tools is run.

use crate::bed::TestBed;
use crate::hostile::{self, Behaviour, Server};

const PAGE: &str = include_str!("../../docs/how-to/coming-from.md");

/// Blocks of code with their language, in their order.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let fences = PAGE.split("```").skip(1).step_by(2);
    fences
        .map(|block| block.split_once('\n').unwrap())
        .collect()
}

/// The words of a line, with lengths that a test has time for.
fn shortened(line: &str, server: &Server) -> Vec<String> {
    let mut words = shlex::split(line).unwrap();
    for at in 1..words.len() {
        let short = match words[at - 1].as_str() {
            "-d" | "-z" => "200ms",
            "-n" => "4",
            "-c" => "2",
            "-R" => "20/s",
            _ => continue,
        };
        words[at] = short.to_owned();
    }
    let address = server.addr.to_string();
    words
        .into_iter()
        .map(|word| word.replace("127.0.0.1:8080", &address))
        .collect()
}

fn bed() -> TestBed {
    TestBed::new()
        .file("body.json", "{\"n\":1}")
        .file("photo.png", b"\x89PNG\r\n\x1a\n")
        .file("users.csv", "name\nann\nbob\n")
}

#[test]
fn each_line_of_the_page_does_what_it_says() {
    let (mut urls, mut scenarios) = (0, 0);
    let mut texts = Vec::new();
    for (language, block) in blocks() {
        if language == "toml" {
            let name = block.lines().next().unwrap().trim_start_matches("# ");
            texts.push((name, block));
            continue;
        }
        assert_eq!(language, "console");
        for line in block.lines() {
            let server = Server::start(Behaviour::Canned(hostile::OK));
            let mut words = shortened(line, &server);
            if !words
                .iter()
                .any(|word| ["-d", "-z", "-n"].contains(&word.as_str()))
            {
                words.extend(["-n", "4"].map(str::to_owned));
            }
            assert_eq!(words[..2], ["telemload", "run"], "{line}");
            let is_url = line.contains("http://");
            let all = texts
                .iter()
                .fold(bed(), |bed, (name, text)| bed.file(name, text));
            let run = all.args(&words[1..]).args(["--out", "out"]);
            if is_url {
                // Exit code 0: something was answered, and that is all that a status says here.
                let outcome = run.run().expect(0, &["stored in out"]);
                assert!(server.request_count() > 0, "{line}: {}", outcome.stderr);
                urls += 1;
            } else {
                let shown = run.args(["--dry-run"]).run().expect(0, &[]).stdout;
                assert!(shown.contains("request 0"), "{line}: {shown}");
                scenarios += 1;
            }
        }
    }
    assert!(urls >= 14 && scenarios == texts.len(), "{urls} {scenarios}");
}

#[test]
fn what_the_page_calls_the_same_is_taken() {
    let same = [
        "-X DELETE",
        "-F a=b",
        "-u a:b",
        "--data a",
        "--data-raw a",
        "--data-binary a",
        "--data-urlencode a",
        "--compressed",
        "--latency",
        "--timeout 8s",
        "-z 1s",
        "-m GET",
        "-a u:p",
        "--disable-keepalive",
        "--no-tui",
        "--disable-redirects",
        "--disable-compression",
        "-l",
    ];
    for flags in same {
        let flags: Vec<&str> = flags.split(' ').collect();
        let run = TestBed::new().args(["run", "--dry-run", "http://127.0.0.1:1/"]);
        run.args(flags).run().expect(0, &[]);
    }
}
