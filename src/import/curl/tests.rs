//! Commands as people and browsers write them, and what they send.

use proptest::prelude::*;

use super::*;
use crate::import::mark;
use crate::import::sample::{Body, Exchange};

fn read_all(text: &str) -> Vec<Exchange> {
    read("c.sh", text, &Options::default())
        .expect("they are commands")
        .exchanges
}

fn shown(exchange: &Exchange) -> String {
    let query = exchange
        .query
        .as_ref()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let mut text = format!(
        "{} {}{}{query}",
        exchange.method,
        exchange.origin().unwrap_or_default(),
        exchange.path
    );
    for header in &exchange.headers {
        text += &format!(
            "\n{}: {}",
            header.name,
            header.value.as_deref().unwrap_or("?")
        );
    }
    match &exchange.body {
        Body::Bytes(bytes) => text += &format!("\n\n{}", String::from_utf8_lossy(bytes)),
        Body::Absent => {}
        other => text += &format!("\n\n{other:?}"),
    }
    let text: String = (mark::pieces(&text))
        .map(|piece| match piece {
            mark::Piece::Text(text) => text.to_owned(),
            mark::Piece::Variable(name) => format!("<{name}>"),
            other => format!("{other:?}"),
        })
        .collect();
    text.replace("User-Agent: curl/8.5.0\nAccept: */*", "CURL")
}

#[track_caller]
fn check(command: &str, expected: &str) {
    let all: Vec<String> = read_all(command).iter().map(shown).collect();
    assert_eq!(all.join("\n--\n"), expected, "{command}");
}

/// Commands, and the requests that curl sends for them.
const OF_BASH: &[(&str, &str)] = &[
    ("curl http://a.test", "GET http://a.test/\nCURL"),
    (
        "$ curl a.test:80/x?y#z | jq .",
        "GET http://a.test/x?y\nCURL",
    ),
    (
        "curl -X POST http://a.test/ --data \"foo=\\'bar\\'\"",
        "POST http://a.test/\nCURL\nContent-Type: application/x-www-form-urlencoded\n\nfoo=\\'bar\\'",
    ),
    (
        "curl 'http://a.test/m?t=2' -G -d 'limit=1' -d w=4",
        "GET http://a.test/m?t=2&limit=1&w=4\nCURL",
    ),
    (
        "curl -H 'Empty;' -H 'Accept:' -H 'X-Api: a:b' a.test",
        "GET http://a.test/\nUser-Agent: curl/8.5.0\nEmpty: \nX-Api: a:b",
    ),
    (
        "curl -A '' -e ';auto' a.test",
        "GET http://a.test/\nAccept: */*",
    ),
    (
        "curl a.test/a/../b/./c a.test/a/b/.. a.test/../x//y/",
        "GET http://a.test/b/c\nCURL\n--\nGET http://a.test/a/\nCURL\n--\nGET http://a.test/x//y/\nCURL",
    ),
    (
        "curl --path-as-is a.test/a/../b",
        "GET http://a.test/a/../b\nCURL",
    ),
    ("sudo time curl a.test", "GET http://a.test/\nCURL"),
    (
        "curl -u some:pass --compressed -e http://r/ a.test",
        "GET http://a.test/\nAuthorization: Basic c29tZTpwYXNz\nCURL\nAccept-Encoding: deflate, gzip, br, zstd\nReferer: http://r/",
    ),
    (
        "curl -sSLkXPUT -d@- a.test <<E\nx\ny\nE\n",
        "PUT http://a.test/\nCURL\nContent-Type: application/x-www-form-urlencoded\n\nxy",
    ),
    (
        "curl --data-binary @- a.test <<-'E'\n\tx\n\tE\n",
        "POST http://a.test/\nCURL\nContent-Type: application/x-www-form-urlencoded\n\nx\n",
    ),
    (
        "curl --json '{\"a\":' --json '1}' a.test",
        "POST http://a.test/\nUser-Agent: curl/8.5.0\nAccept: application/json\nContent-Type: application/json\n\n{\"a\":1}",
    ),
    (
        "curl a.test --data-raw $'a=\\'\\u00e9\\n@\\x41\\101'",
        "POST http://a.test/\nCURL\nContent-Type: application/x-www-form-urlencoded\n\na='é\n@AA",
    ),
    (
        "curl a.test --data-raw $'\\ud83d\\ude00'",
        "POST http://a.test/\nCURL\nContent-Type: application/x-www-form-urlencoded\n\n😀",
    ),
    (
        "curl --data-urlencode 'a b' --data-urlencode '=c&' --data-urlencode 'n=d e' a.test",
        "POST http://a.test/\nCURL\nContent-Type: application/x-www-form-urlencoded\n\na+b&c%26&n=d+e",
    ),
    (
        "curl -I -b 'a=1' --cookie 'b=2' a.test",
        "HEAD http://a.test/\nCURL\nCookie: a=1; b=2",
    ),
    (
        "curl -d x=1 http://a.test --next http://b.test -d y=2",
        "POST http://a.test/\nCURL\nContent-Type: application/x-www-form-urlencoded\n\nx=1\n--\nPOST http://b.test/\nCURL\nContent-Type: application/x-www-form-urlencoded\n\ny=2",
    ),
    (
        "curl 'http://a.test/\\[1\\]' -r 0-9",
        "GET http://a.test/[1]\nRange: bytes=0-9\nCURL",
    ),
    (
        "curl -XDELETE --max-ti 5 a.test; curl b.test & curl c.test",
        "DELETE http://a.test/\nCURL\n--\nGET http://b.test/\nCURL\n--\nGET http://c.test/\nCURL",
    ),
    (
        "# a comment\ncurl \\\n  a.test \\\n  -H 'A: b'\n\ncurl b.test",
        "GET http://a.test/\nCURL\nA: b\n--\nGET http://b.test/\nCURL",
    ),
    (
        "curl -F 'a={\"x\":1};type=application/json' -H 'Content-Type: multipart/form-data; boundary=X' a.test",
        "POST http://a.test/\nCURL\nContent-Type: multipart/form-data; boundary=------------------------telemload00000001\n\n--------------------------telemload00000001\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Type: application/json\r\n\r\n{\"x\":1}\r\n--------------------------telemload00000001--\r\n",
    ),
    (
        "curl -F a=1 -H 'Content-Type: multipart/related; boundary=X; type=text/xml' a.test",
        "POST http://a.test/\nCURL\nContent-Type: multipart/related; type=text/xml; boundary=------------------------telemload00000001\n\n--------------------------telemload00000001\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n1\r\n--------------------------telemload00000001--\r\n",
    ),
    (
        "curl -F f=@x.png a.test",
        "POST http://a.test/\nCURL\nContent-Type: multipart/form-data; boundary=------------------------telemload00000001\n\nUnknown",
    ),
    (
        "curl -d '' a.test",
        "POST http://a.test/\nCURL\nContent-Type: application/x-www-form-urlencoded",
    ),
    (
        "curl -T 'dir/x y.txt' http://a.test/up/",
        "PUT http://a.test/up/x%20y.txt\nCURL\n\nUnknown",
    ),
    (
        "curl -T - http://a.test/up <<E\nx\nE\n",
        "PUT http://a.test/up\nCURL\nTransfer-Encoding: chunked\nExpect: 100-continue\n\nx\n",
    ),
    (
        "curl -T - -H Expect: http://a.test/up <<E\nx\nE\n",
        "PUT http://a.test/up\nCURL\nTransfer-Encoding: chunked\n\nx\n",
    ),
    (
        "curl -T f.txt http://a.test?x",
        "PUT http://a.test/f.txt?x\nCURL\n\nUnknown",
    ),
    (
        "curl -r 600 --digest -u a:b --url-query z=1 'http://a.test/?x&'",
        "GET http://a.test/?x&z=1\nRange: bytes=600-\nCURL",
    ),
    (
        "echo '{\"a\": 1}' | curl -d @- a.test | jq .\necho x | curl b.test && curl c.test || curl d.test",
        "POST http://a.test/\nCURL\nContent-Type: application/x-www-form-urlencoded\n\n{\"a\": 1}\n--\nGET http://b.test/\nCURL\n--\nGET http://c.test/\nCURL\n--\nGET http://d.test/\nCURL",
    ),
    (
        "cat x | curl --data-binary @- a.test; echo -n x y | curl --data-binary @- b.test",
        "POST http://a.test/\nCURL\nContent-Type: application/x-www-form-urlencoded\n\nUnknown\n--\nPOST http://b.test/\nCURL\nContent-Type: application/x-www-form-urlencoded\n\nx y",
    ),
    (
        "curl --data-urlencode \"q=$A b\" a.test",
        "POST http://a.test/\nCURL\nContent-Type: application/x-www-form-urlencoded\n\nq=<A>+b",
    ),
    (
        "curl -G -d 'q=a b' a.test",
        "GET http://a.test/?q=a%20b\nCURL",
    ),
    (
        "curl -H \"Authorization: Bearer $TOKEN\" -H 'X: $NO' a.test/${ID}",
        "GET http://a.test/<ID>\nCURL\nAuthorization: Bearer <TOKEN>\nX: $NO",
    ),
];

#[test]
fn commands_of_bash_mean_what_curl_sends() {
    for (command, expected) in OF_BASH {
        check(command, expected);
    }
}

#[test]
fn what_browsers_copy_is_read_in_all_three_forms() {
    let expected = "POST https://a.test/x?y=%5B1%5D&z=1\nUser-Agent: Mo \"zilla\"\nAccept: */*\nx-a: 100% ^ & b\nCookie: s=1; t=2\nContent-Type: application/json\n\n{\"a\":\"é\\\\b\"}";
    let bash = "curl 'https://a.test/x?y=%5B1%5D&z=1' \\\n  -H 'User-Agent: Mo \"zilla\"' \\\n  -H 'Accept: */*' \\\n  -H 'x-a: 100% ^ & b' \\\n  -H 'Cookie: s=1; t=2' \\\n  -H 'Content-Type: application/json' \\\n  --data-raw '{\"a\":\"é\\\\b\"}'";
    let cmd = "curl ^\"https://a.test/x?y=^%^5B1^%^5D&z=1^\" ^\r\n  -H ^\"User-Agent: Mo ^\\^\"zilla^\\^\"^\" ^\r\n  -H ^\"Accept: */*^\" ^\r\n  -H ^\"x-a: 100^% ^^ ^& b^\" ^\r\n  -H ^\"Cookie: s=1; t=2^\" ^\r\n  -H ^\"Content-Type: application/json^\" ^\r\n  --data-raw ^\"^{^\\^\"a^\\^\":^\\^\"é^\\^\\b^\\^\"^}^\"";
    let powershell = "$session = New-Object Microsoft.PowerShell.Commands.WebRequestSession\n$session.UserAgent = \"Mo `\"zilla`\"\"\n$session.Cookies.Add((New-Object System.Net.Cookie(\"s\", \"1\", \"/\", \"a.test\")))\n$session.Cookies.Add((New-Object System.Net.Cookie(\"t\", \"2\", \"/\", \"a.test\")))\nInvoke-WebRequest -UseBasicParsing -Uri \"https://a.test/x?y=%5B1%5D&z=1\" `\n-Method \"POST\" `\n-WebSession $session `\n-Headers @{\n\"authority\"=\"a.test\"\n  \"Accept\"=\"*/*\"\n  \"x-a\"=\"100% ^ & b\"\n} `\n-ContentType \"application/json\" `\n-Body ([System.Text.Encoding]::UTF8.GetBytes(\"{`\"a`\":`\"$([char]233)\\\\b`\"}\"))";
    check(bash, expected);
    // A caret before `&` is asked for by cmd alone.
    let cmd = cmd
        .replace("D&z", "D^&z")
        .replace("^\\^\\b", "^\\^\\^\\^\\b");
    check(&cmd.replace("^\\^\\^\\^\\b", "^\\^\\b"), expected);
    let sorted = |text: &str| {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        lines.join("\n")
    };
    let found: Vec<String> = read_all(powershell).iter().map(shown).collect();
    assert_eq!(sorted(&found[0]), sorted(expected));
}

#[test]
fn what_needs_a_shell_is_refused_with_its_line() {
    for (command, words) in [
        (
            "curl a.test\ncurl \"$(cat x)\"",
            "line 2: `$(…)` needs a shell",
        ),
        ("curl `id`", "line 1: a backtick"),
        ("curl -d <(cat) a.test", "line 1: `<(…)`"),
        ("curl 'a.test", "line 1: a quote is never closed"),
        ("curl ${A:-b}", "line 1: an expansion"),
        ("curl \"$1\"", "line 1: a special variable"),
        (
            "Invoke-WebRequest -Uri \"$(Get-X)\"",
            "line 1: an expression",
        ),
    ] {
        let said = match read("c.sh", command, &Options::default()) {
            Ok(sample) => sample.notes.join("\n"),
            Err(why) => why,
        };
        assert!(said.contains(words), "{command}: {said}");
    }
    let sample = read(
        "c.sh",
        "curl a.test -d @secret.txt\nexport A=hush\nls",
        &Options::default(),
    )
    .expect("commands");
    assert_eq!(sample.skipped.get(&Skip::OtherCommand), Some(&2));
    assert_eq!(sample.exchanges[0].body, Body::Unknown);
    assert!(
        !sample.notes.join("\n").contains("secret.txt"),
        "{:?}",
        sample.notes
    );
}

#[test]
fn files_are_read_on_request_alone() {
    let files = |name: &str| {
        if name == "x" {
            Ok(b"a\r\nb".to_vec())
        } else {
            Err(format!("cannot read {name}"))
        }
    };
    let options = Options {
        files: Some(&files),
        ..Options::default()
    };
    let bodies = |text: &str| -> Vec<Body> {
        read("c.sh", text, &options)
            .expect("commands")
            .exchanges
            .into_iter()
            .map(|exchange| exchange.body)
            .collect()
    };
    let bytes = |text: &str| Body::Bytes(text.into());
    assert_eq!(
        bodies(
            "curl -d @x a.test; curl --data-binary @x a.test; curl -T x a.test; curl --data-raw @x a.test; curl --data-urlencode n@x a.test; curl -d @y a.test"
        ),
        [
            bytes("ab"),
            bytes("a\r\nb"),
            bytes("a\r\nb"),
            bytes("@x"),
            bytes("n=a%0D%0Ab"),
            Body::Unknown
        ]
    );
}

#[test]
fn files_have_the_types_that_curl_gives_them_by_their_names() {
    let files = |_: &str| Ok(b"x".to_vec());
    let options = Options {
        files: Some(&files),
        ..Options::default()
    };
    let command = "curl -F f=@a.PNG -F g=@b.txt -F h=@c -F 'i=@d.txt;type=a/b' -F 'j=<a.txt' -F 'k=@e.txt;filename=\"k;l.txt\"' a.test";
    let sample = read("c.sh", command, &options).expect("a command");
    let Body::Bytes(body) = &sample.exchanges[0].body else {
        panic!("it has a body");
    };
    let body = String::from_utf8_lossy(body);
    for part in [
        "name=\"f\"; filename=\"a.PNG\"\r\nContent-Type: image/png\r\n",
        "name=\"g\"; filename=\"b.txt\"\r\nContent-Type: text/plain\r\n",
        "name=\"h\"; filename=\"c\"\r\nContent-Type: application/octet-stream\r\n",
        "name=\"i\"; filename=\"d.txt\"\r\nContent-Type: a/b\r\n",
        "name=\"j\"\r\n\r\nx\r\n",
        "name=\"k\"; filename=\"k;l.txt\"\r\nContent-Type: text/plain\r\n\r\nx\r\n",
    ] {
        assert!(body.contains(part), "{part} in {body}");
    }
    let large = |_: &str| Ok(vec![b'x'; (1 << 20) + 1]);
    let options = Options {
        files: Some(&large),
        ..Options::default()
    };
    let sample = read("c.sh", "curl --data-binary @x a.test", &options).expect("a command");
    assert_eq!(sample.exchanges[0].header("expect"), Some("100-continue"));
}

#[test]
fn a_text_is_one_of_commands_wherever_in_a_line_they_begin() {
    for text in [
        "curl a.test",
        "# x\n $ curl a.test",
        "echo x | curl a.test",
        "/usr/bin/curl a.test",
    ] {
        assert!(is_one(text), "{text}");
    }
    for text in [
        "ls",
        "198.18.0.1 - - \"GET / HTTP/1.1\" 200 1 \"-\" \"curl/8.5.0\"",
        "curly a",
    ] {
        assert!(!is_one(text), "{text}");
    }
}

#[test]
fn options_that_no_scenario_has_are_told() {
    for (option, words) in [
        (
            "-n",
            "line 1: credentials in a netrc file (-n) are not read",
        ),
        (
            "-sn",
            "line 1: credentials in a netrc file (-n) are not read",
        ),
        (
            "--netrc-file x",
            "line 1: credentials in a netrc file (-n) are not read",
        ),
        ("--resolve a:1:b", "line 1: --resolve is not taken over"),
        ("-C 5", "line 1: --continue-at is not taken over"),
        ("-z today", "line 1: --time-cond is not taken over"),
    ] {
        let command = format!("curl {option} a.test");
        let sample = read("c.sh", &command, &Options::default()).expect("a command");
        let told = sample.notes.join("\n");
        assert!(told.contains(words), "{option}: {told}");
        assert_eq!(sample.exchanges.len(), 1, "{option}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[a-z \"'`$\\\\^&|<>(){}=@\n-]{0,80}") {
        for start in ["curl ", "curl ^\"", "Invoke-WebRequest "] {
            let _ = read("c.sh", &format!("{start}{text}"), &Options::default());
        }
    }

    #[test]
    fn a_quoted_value_arrives_as_it_is(value in "[ -~é\n]{0,40}") {
        let quoted = format!("'{}'", value.replace('\'', "'\\''"));
        let found = read_all(&format!("curl a.test --data-raw {quoted}"));
        let expected = if value.is_empty() { Body::Absent } else { Body::Bytes(value.into()) };
        prop_assert_eq!(&found[0].body, &expected);
    }
}
