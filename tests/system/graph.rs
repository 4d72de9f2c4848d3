//! The interactive flame graph tries itself in a browser: Debian's `chromium`, which `scripts/test` installs.

use std::fs;

use crate::bed::TestBed;
use crate::browser;

#[track_caller]
fn tries_itself(base: &str, head: &str, costs: &[&str]) -> String {
    let bed = TestBed::new().file("a.folded", base).file("b.folded", head);
    let outcome = bed
        .args([
            "flame",
            "diff",
            "a.folded",
            "b.folded",
            "-o",
            "out/diff.html",
        ])
        .args(costs)
        .run()
        .expect(0, &[]);
    let page = fs::canonicalize(outcome.dir().join("diff.html")).unwrap();
    let dom = browser::open(&page, "selftest", (1280, 800)).dom;
    assert!(
        dom.contains("selftest: passed"),
        "{}",
        dom.split("id=\"selftest\"").last().unwrap_or_default()
    );
    dom
}

#[test]
fn the_graph_works_in_a_browser() {
    let base = "main;auth;bcrypt::hash;expand 900\nmain;auth;bcrypt::hash 40\nmain;parse 60\n";
    let head = "main;parse 900\nmain;auth;cache::get 80\nmain;write 20\n";
    let dom = tries_itself(base, head, &["--base-cost", "8ms", "--head-cost", "310us"]);
    for words in ["▼ −7.69 ms", "▲ +7.69 ms", "gone", "new"] {
        assert!(dom.contains(words), "no {words:?}");
    }
    // Without costs there are shares alone.
    tries_itself(base, head, &[]);
}

/// One caller's copies fall and the other's rise: its frames have findings, and the function over all of them has none.
#[test]
fn the_list_says_what_a_comparison_says() {
    let base = "m;a;copy 2000\nm;b;copy 1000\nm;x 7000\n";
    let head = "m;a;copy 980\nm;b;copy 2040\nm;x 6980\n";
    let dom = tries_itself(base, head, &["--base-cost", "8ms", "--head-cost", "8ms"]);
    assert!(dom.contains("<td>? +16 µs</td>"), "copies do not differ");
    assert!(dom.contains("ok the row of copy searches for it alone"));
    // `x` is a part of nothing else's row.
    assert!(dom.contains("ok the row of x searches for it alone"));
}

#[test]
fn names_of_others_stay_names() {
    let hostile = "main;</script><img src=x onerror=document.title='owned'>;<b>bold</b> 500\nmain;${alert(1)} 500\n";
    let more = hostile.replacen("500", "900", 1);
    let dom = tries_itself(hostile, &more, &[]);
    assert!(
        !dom.contains("<title>owned") && !dom.contains("<b>bold"),
        "{dom}"
    );
    assert!(dom.contains("&lt;b&gt;bold"), "shown as text");
}

#[test]
fn fifty_thousand_stacks_stay_usable() {
    let stacks = |shift: usize| -> String {
        (0..50_000)
            .map(|at| {
                let (a, b, c) = (at % 20, at / 20 % 50, at / 1000);
                format!(
                    "main;a{a};b{b};c{c};leaf{} {}\n",
                    at % 7,
                    1 + (at * 31 + shift) % 5
                )
            })
            .collect()
    };
    let dom = tries_itself(
        &stacks(0),
        &stacks(3),
        &["--base-cost", "1ms", "--head-cost", "1ms"],
    );
    assert!(dom.contains("are left out"), "what was pruned is said");
}
